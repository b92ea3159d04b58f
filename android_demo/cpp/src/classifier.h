// A network in Paddle Lite: picture tensor in, logits out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "floats.h"
#include "nb.h"

namespace deit {

// Paddle Lite's power modes, in its order: which of an ARM processor's cores the threads are bound to.
enum class PowerMode { High, Low, Full, NoBind, RandHigh, RandLow };

// "high", "low", "full", "no-bind", "rand-high", "rand-low".
std::string_view to_string(PowerMode mode);

// The mode of such a name. Throws Error with Code::Usage for another.
PowerMode parse_power_mode(std::string_view name);

struct EngineOptions {
  int threads = 1;  // 1 to kMaxThreads
  PowerMode power_mode = PowerMode::NoBind;
  bool gpu_fp16 = false;  // what a GPU computes in, fp16 or fp32; the .nb is the same for both
};

constexpr int kMaxThreads = 256;

// What the engine is at, of whichever network: "load", "run", "read the output of"; null while it is at nothing.
// To be asked by signal handlers.
const char* engine_step() noexcept;

// One network in one engine. It belongs to one thread at a time. On ARM the engine binds the thread that runs
// it to cores, as the power mode says.
class Classifier {
 public:
  // Loads the .nb in `bytes`, which can be freed afterwards; `name` is what messages call it. With `arm_fp16`
  // its bundle says that on ARM it needs fp16, as it does anyway where a kernel says so. Throws Error with
  // Code::Model for a .nb that is damaged, of another version than the engine, for another processor or engine,
  // without one input of a fixed [1, 3, height, width], or in fp16 for a GPU that has none; Code::Usage
  // for options out of range; Code::Engine where the engine fails.
  Classifier(const std::vector<std::uint8_t>& bytes, const std::string& name, const EngineOptions& options,
             bool arm_fp16 = false);
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  // Batch (1), channels (3), height and width of the input tensor.
  const std::array<int, 4>& shape() const noexcept { return shape_; }

  // Values of the input tensor.
  std::size_t input_size() const noexcept;

  // The engine's own input tensor, float32 NCHW, to be written before `run`; it keeps what was written there.
  float* input();

  // Runs the network on what was written to `input`. Throws Error with Code::Engine where the engine fails.
  void run();

  // The logits of the last `run`, in the engine's own memory until the next one. Throws Error with
  // Code::Engine if the network has not run, or gave something else than one row of finite float32 values.
  Floats logits();

  const NbModel& model() const noexcept { return model_; }

  // As the engine has them: an ARM engine takes no more threads than there are cores, one for x86 no power
  // mode.
  int threads() const noexcept { return threads_; }
  PowerMode power_mode() const noexcept { return power_mode_; }

  // Such as "v2.13-rc".
  const std::string& engine_version() const noexcept { return engine_version_; }

 private:
  struct Engine;

  std::string name_;
  NbModel model_;
  std::array<int, 4> shape_{};
  std::unique_ptr<Engine> engine_;
  int threads_ = 0;
  PowerMode power_mode_ = PowerMode::NoBind;
  std::string engine_version_;
};

}  // namespace deit
