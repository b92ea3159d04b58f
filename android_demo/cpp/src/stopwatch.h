// Milliseconds of wall-clock time since it was made or last read.
#pragma once

#include <chrono>

namespace deit {

class Stopwatch {
 public:
  // Milliseconds since the last call, or since it was made; starts anew.
  double lap() {
    const Clock::time_point now = Clock::now();
    const std::chrono::duration<double, std::milli> passed = now - start_;
    start_ = now;
    return passed.count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace deit
