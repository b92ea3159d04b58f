// Measures how long a network takes: every run's latency, kept raw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "classifier.h"
#include "cpu_clock.h"
#include "marks.h"
#include "statistics.h"

namespace deit {

// The clock of the CPU on which the measured run `run`, counted from 0, came to its end.
struct RunClock {
  std::size_t run = 0;
  CpuClock clock;
};

// Runs a network on what lies in its input tensor. It is made of steps so that nothing but runs of the engine
// happens, and nothing of ours is allocated, while `measure` measures.
class Bench {
 public:
  // Asked before each warm-up and each measured run; true ends them.
  using Cancelled = std::function<bool()>;

  // Makes room for the latencies. It measures `repeats` runs, and more until they have taken `min_seconds` together or
  // are kMaxRuns. Throws Error with Code::Usage unless `warmup` is 0 to kMaxRuns and `repeats` is 1 to kMaxRuns.
  // `cancelled` may be empty.
  Bench(Classifier& classifier, int warmup, int repeats, Cancelled cancelled = nullptr, double min_seconds = 0);

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

  // Whether all runs that were asked for have been measured.
  bool is_complete() const noexcept { return is_complete_; }

  // When the measured runs began, as since_boot_s.
  double began_s() const noexcept { return began_s_; }

  // The clock after the first run, and again each time that kClockMs of runs have passed; empty where the kernel does
  // not tell.
  const std::vector<RunClock>& clocks() const noexcept { return clocks_; }

  // Seldom enough to cost no run anything.
  static constexpr double kClockMs = 100;
  static constexpr int kMaxRuns = 1'000'000;

 private:
  bool is_cancelled() const { return cancelled_ && cancelled_(); }
  void check_answer();

  Classifier& classifier_;
  int warmup_;
  int repeats_;
  double min_ms_;
  Cancelled cancelled_;
  double first_run_ms_ = 0;
  std::vector<float> first_logits_;
  std::vector<double> latencies_ms_;
  bool is_complete_ = false;
  double began_s_ = 0;
  std::vector<RunClock> clocks_;
};

// Peak resident memory of this process in KiB, the kernel's VmHWM; none where the kernel does not tell.
std::optional<std::int64_t> peak_rss_kib();

}  // namespace deit
