#include "bench.h"

#include <cmath>
#include <cstddef>
#include <fstream>
#include <string>
#include <utility>

#include "error.h"
#include "stopwatch.h"

namespace deit {
namespace {

// Several threads may add in another order; what goes wrong in memory moves logits further than that.
constexpr float kTolerance = 1e-3F;

}  // namespace

Bench::Bench(Classifier& classifier, int warmup, int repeats, Cancelled cancelled, double min_seconds)
    : classifier_(classifier),
      warmup_(warmup),
      repeats_(repeats),
      min_ms_(1e3 * min_seconds),
      cancelled_(std::move(cancelled)) {
  const auto refuse = [](const char* what, int value, int least) {
    throw Error(Code::Usage, std::to_string(value) + " " + what + ": give " + std::to_string(least) + " to " +
                                 std::to_string(kMaxRuns));
  };
  if (warmup < 0 || warmup > kMaxRuns) refuse("warm-up runs", warmup, 0);
  if (repeats < 1 || repeats > kMaxRuns) refuse("measured runs", repeats, 1);
  // Memory that is not used is not there.
  const int most = min_seconds > 0 ? kMaxRuns : repeats;
  latencies_ms_.reserve(static_cast<std::size_t>(most));
  clocks_.reserve(static_cast<std::size_t>(most));
}

void Bench::warm_up() {
  Stopwatch watch;
  classifier_.run();
  first_run_ms_ = watch.lap();
  const Floats logits = classifier_.logits();
  first_logits_.assign(logits.begin(), logits.end());
  for (int i = 0; i < warmup_ && !is_cancelled(); ++i) classifier_.run();
}

void Bench::measure(const Marks& marks) {
  latencies_ms_.clear();
  clocks_.clear();
  double measured_ms = 0;
  double clock_ms = kClockMs;
  began_s_ = since_boot_s();
  for (int i = 0; i < kMaxRuns && !is_cancelled(); ++i) {
    if (i >= repeats_ && measured_ms >= min_ms_) break;
    const Mark mark(marks, "run");
    Stopwatch watch;
    classifier_.run();
    latencies_ms_.push_back(watch.lap());
    measured_ms += latencies_ms_.back();
    clock_ms += latencies_ms_.back();
    if (clock_ms >= kClockMs) {
      clock_ms = 0;
      if (const auto clock = cpu_clock()) clocks_.push_back({static_cast<std::size_t>(i), *clock});
    }
  }
  const int wanted = measured_ms >= min_ms_ ? repeats_ : kMaxRuns;
  is_complete_ = latencies_ms_.size() >= static_cast<std::size_t>(wanted);
  check_answer();
}

void Bench::check_answer() {
  const Floats logits = classifier_.logits();
  for (std::size_t i = 0; i < logits.size; ++i) {
    const float first = first_logits_.at(i);
    if (std::fabs(logits.data[i] - first) > kTolerance * std::fmax(1.0F, std::fabs(first))) {
      throw Error(Code::Engine, "the engine answers otherwise after " + std::to_string(latencies_ms_.size()) +
                                    " runs than in the first: its latencies mean nothing");
    }
  }
}

std::optional<std::int64_t> peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string field; status >> field;) {
    std::int64_t kib = 0;
    if (field == "VmHWM:" && status >> kib) return kib;
  }
  return std::nullopt;
}

}  // namespace deit
