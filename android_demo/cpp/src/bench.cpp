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

Bench::Bench(Classifier& classifier, int warmup, int repeats, Cancelled cancelled)
    : classifier_(classifier), warmup_(warmup), repeats_(repeats), cancelled_(std::move(cancelled)) {
  const auto refuse = [](const char* what, int value, int least) {
    throw Error(Code::Usage, std::to_string(value) + " " + what + ": give " + std::to_string(least) + " to " +
                                 std::to_string(kMaxRuns));
  };
  if (warmup < 0 || warmup > kMaxRuns) refuse("warm-up runs", warmup, 0);
  if (repeats < 1 || repeats > kMaxRuns) refuse("measured runs", repeats, 1);
  latencies_ms_.reserve(static_cast<std::size_t>(repeats));
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
  for (int i = 0; i < repeats_ && !is_cancelled(); ++i) {
    const Mark mark(marks, "run");
    Stopwatch watch;
    classifier_.run();
    latencies_ms_.push_back(watch.lap());
  }
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
