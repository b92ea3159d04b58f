#include "classifier.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <utility>

#include "cpu_features.h"
#include "error.h"
#include "paddle_api.h"

namespace deit {
namespace {

namespace lite = paddle::lite_api;

constexpr std::array<std::string_view, 6> kPowerModes = {"high",    "low",       "full",
                                                         "no-bind", "rand-high", "rand-low"};

#if defined(__x86_64__) || defined(__i386__)
constexpr bool kX86 = true;
constexpr std::string_view kProcessor = "x86";
#else
constexpr bool kX86 = false;
constexpr std::string_view kProcessor = "arm";
#endif

// The version that the build found in the engine, "" where it could not tell.
#ifndef DEIT_ENGINE_VERSION
#define DEIT_ENGINE_VERSION ""
#endif
constexpr std::string_view kEngineVersion = DEIT_ENGINE_VERSION;

void check_version(const NbModel& model, std::string_view engine, const std::string& name) {
  if (engine.empty() || engine == model.header.opt_version) return;
  throw Error(Code::Model, name + " was made by opt " + model.header.opt_version + " but this engine is " +
                               std::string(engine) +
                               ": convert it again with that version, or use its engine");
}

void check_targets(const NbModel& model, const std::string& name) {
  std::string foreign;
  for (const std::string& target : model.targets) {
    if (target == kProcessor || target == "host" || target == "any") continue;
    if (target == "opencl" && lite::IsOpenCLBackendValid()) continue;
    foreign += (foreign.empty() ? "" : ", ") + target;
  }
  if (foreign.empty()) return;
  const std::string remedy = kX86 ? "use the bundle's host.nb (--host)" : "use a model.nb for it";
  throw Error(Code::Model,
              name + " is made for " + foreign + ", which this device or engine cannot run; " + remedy);
}

// Left to itself the engine takes fp16 on every GPU that has it; asked for it on one that has not, it aborts.
void set_gpu_precision(lite::MobileConfig& config, bool fp16, const std::string& name) {
  if (fp16 && !lite::IsOpenCLBackendValid(true)) {
    throw Error(Code::Model,
                name + " computes in fp16, which this device's GPU cannot: use an fp32 bundle for it");
  }
  config.set_opencl_precision(fp16 ? lite::CL_PRECISION_FP16 : lite::CL_PRECISION_FP32);
}

// Whether the engine's library is an arm82_fp16 build, which alone has ARM's fp16 kernels. It is asked of the library
// that was loaded, which may be another one than was linked with: Tensor::data<__fp16>() is part of the interface of
// that build alone (paddle_api.cc, ENABLE_ARM_FP16).
bool engine_has_fp16() {
  return dlsym(RTLD_DEFAULT, "_ZNK6paddle8lite_api6Tensor4dataIDhEEPKT_v") != nullptr;
}

// Without the kernels the engine ends the process, without the instructions the processor does.
void check_fp16(const std::string& name) {
  const std::string instead = "take an int8 or fp32 bundle (tools/opt.py --precision int8)";
  if (!has_asimdhp()) {
    throw Error(Code::Model, name + " computes in fp16, for which not every core of this processor has the " +
                                 "instructions (asimdhp): " + instead);
  }
  if (!engine_has_fp16()) {
    throw Error(Code::Model, name + " computes in fp16, for which this engine's library has no kernels: take " +
                                 "Paddle Lite's arm82_fp16 release (tools/fetch_sdk.py --fp16), or " + instead);
  }
}

std::array<int, 4> fixed_shape(const NbModel& model, const std::string& name) {
  constexpr std::int64_t kMaxSide = 4096;
  const std::vector<std::int64_t>& dims = model.shape;
  const auto is_side = [](std::int64_t side) { return side >= 1 && side <= kMaxSide; };
  if (dims.size() != 4 || dims[0] != 1 || dims[1] != 3 || !is_side(dims[2]) || !is_side(dims[3])) {
    std::string text;
    for (const std::int64_t dim : dims) text += (text.empty() ? "" : ", ") + std::to_string(dim);
    throw Error(Code::Model, name + " takes an input of shape [" + shortened(text) +
                                 "] where one picture is [1, 3, height, "
                                 "width]: it is no network of this kind");
  }
  return {1, 3, static_cast<int>(dims[2]), static_cast<int>(dims[3])};
}

// Who handles a crash wants to know, and no lock is allowed there.
std::atomic<const char*> current_step{nullptr};
static_assert(std::atomic<const char*>::is_always_lock_free);

class Step {
 public:
  explicit Step(const char* what) { current_step = what; }
  ~Step() { current_step = nullptr; }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
};

// Calls the engine. Official libraries may throw where others abort.
template <typename Call>
auto guarded(const std::string& name, const char* what, Call call) {
  const Step step(what);
  try {
    return call();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const std::string text = error.what();
    throw Error(Code::Engine, "the engine could not " + std::string(what) + " " + name + ": " +
                                  text.substr(0, text.find('\n')));
  }
}

}  // namespace

const char* engine_step() noexcept {
  return current_step;
}

std::string_view to_string(PowerMode mode) {
  return kPowerModes.at(static_cast<std::size_t>(mode));
}

PowerMode parse_power_mode(std::string_view name) {
  const auto found = std::find(kPowerModes.begin(), kPowerModes.end(), name);
  if (found == kPowerModes.end()) {
    throw Error(Code::Usage, "unknown power mode " + quoted(name) +
                                 ": give high, low, full, no-bind, rand-high or rand-low");
  }
  return static_cast<PowerMode>(found - kPowerModes.begin());
}

// The tensors are views that stay the same from run to run, so they are asked for once.
struct Classifier::Engine {
  std::shared_ptr<lite::PaddlePredictor> predictor;
  std::unique_ptr<lite::Tensor> input;
  std::unique_ptr<const lite::Tensor> output;
  std::size_t classes = 0;
};

Classifier::Classifier(const std::vector<std::uint8_t>& bytes, const std::string& name,
                       const EngineOptions& options, bool arm_fp16)
    : name_(name), model_(read_nb(bytes.data(), bytes.size(), name)), shape_(fixed_shape(model_, name)) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    throw Error(Code::Usage,
                std::to_string(options.threads) + " threads: give 1 to " + std::to_string(kMaxThreads));
  }
  check_version(model_, kEngineVersion, name);
  guarded(name, "load", [&] {
    check_targets(model_, name);
    if (model_.arm_fp16 || (arm_fp16 && model_.targets.count("arm") != 0)) check_fp16(name);
    lite::MobileConfig config;
    if (model_.targets.count("opencl") != 0) set_gpu_precision(config, options.gpu_fp16, name);
    config.set_power_mode(static_cast<lite::PowerMode>(options.power_mode));
    config.set_threads(options.threads);
    threads_ = config.threads();
    power_mode_ = static_cast<PowerMode>(config.power_mode());
#if defined(__x86_64__) || defined(__i386__)
    config.set_x86_math_num_threads(options.threads);
    threads_ = config.x86_math_num_threads();
#endif
    config.set_model_from_buffer(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    engine_ = std::make_unique<Engine>();
    engine_->predictor = lite::CreatePaddlePredictor(config);
    if (!engine_->predictor) throw Error(Code::Engine, "the engine gave no predictor for " + name);
    engine_version_ = engine_->predictor->GetVersion();
    check_version(model_, engine_version_, name);
    engine_->input = engine_->predictor->GetInput(0);
    engine_->input->Resize({shape_[0], shape_[1], shape_[2], shape_[3]});
    std::fill_n(input(), input_size(), 0.0F);
  });
}

Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

std::size_t Classifier::input_size() const noexcept {
  return static_cast<std::size_t>(shape_[1]) * static_cast<std::size_t>(shape_[2]) *
         static_cast<std::size_t>(shape_[3]);
}

float* Classifier::input() {
  return engine_->input->mutable_data<float>();
}

void Classifier::run() {
  guarded(name_, "run", [&] { engine_->predictor->Run(); });
  if (engine_->output) return;
  guarded(name_, "read the output of", [&] {
    std::unique_ptr<const lite::Tensor> output = engine_->predictor->GetOutput(0);
    if (output->precision() != lite::PrecisionType::kFloat) {
      throw Error(Code::Engine, name_ + " gives no float32 output: convert it again with tools/opt.py");
    }
    std::int64_t rows = 1, classes = 0;
    for (const std::int64_t dim : output->shape()) {
      rows *= classes ? classes : 1;
      classes = dim;
    }
    if (rows != 1 || classes < 1) {
      throw Error(Code::Engine, name_ + " gives no single row of logits: it is no classifier");
    }
    engine_->classes = static_cast<std::size_t>(classes);
    engine_->output = std::move(output);
  });
}

Floats Classifier::logits() {
  if (!engine_->output) throw Error(Code::Engine, name_ + " has not run: there are no logits yet");
  const Floats logits{engine_->output->data<float>(), engine_->classes};
  if (!std::all_of(logits.begin(), logits.end(), [](float value) { return std::isfinite(value); })) {
    throw Error(Code::Engine,
                name_ + " answers NaN or infinity: make the bundle again with tools/opt.py --force");
  }
  return logits;
}

}  // namespace deit
