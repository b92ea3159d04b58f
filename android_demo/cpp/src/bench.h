// Measures how long a network takes: every run's latency, kept raw.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "classifier.h"
#include "marks.h"
#include "statistics.h"

namespace deit {

// Runs a network on what lies in its input tensor. It is made of steps so that nothing but runs of the engine
// happens, and nothing of ours is allocated, while `measure` measures.
class Bench {
 public:
  // Asked before each warm-up and each measured run; true ends them.
  using Cancelled = std::function<bool()>;

  // Makes room for `repeats` latencies. Throws Error with Code::Usage unless `warmup` is 0 to kMaxRuns and
  // `repeats` is 1 to kMaxRuns. `cancelled` may be empty.
  Bench(Classifier& classifier, int warmup, int repeats, Cancelled cancelled = nullptr);

  // The first run, in which the engine allocates and prepares its weights, then the warm-up runs, timed
  // apart. Throws Error with Code::Engine as Classifier does.
  void warm_up();

  // The measured runs, after `warm_up`. Throws Error with Code::Engine if the network answers otherwise at
  // the end than in its first run: such latencies would be of another computation. `marks` get each run.
  void measure(const Marks& marks = {});

  int warmup() const noexcept { return warmup_; }
  double first_run_ms() const noexcept { return first_run_ms_; }

  // Milliseconds of each measured run of the engine, in their order; fewer than asked for if cancelled.
  const std::vector<double>& latencies_ms() const noexcept { return latencies_ms_; }

  static constexpr int kMaxRuns = 1'000'000;

 private:
  bool is_cancelled() const { return cancelled_ && cancelled_(); }
  void check_answer();

  Classifier& classifier_;
  int warmup_;
  int repeats_;
  Cancelled cancelled_;
  double first_run_ms_ = 0;
  std::vector<float> first_logits_;
  std::vector<double> latencies_ms_;
};

// Peak resident memory of this process in KiB, the kernel's VmHWM; none where the kernel does not tell.
std::optional<std::int64_t> peak_rss_kib();

}  // namespace deit
