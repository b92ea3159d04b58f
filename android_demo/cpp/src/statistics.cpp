#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <stdexcept>

namespace deit {
namespace {

double percentile(const std::vector<double>& sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Statistics summarize(const std::vector<double>& samples) {
  if (samples.empty()) throw std::invalid_argument("no sample to summarize");
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<double>(sorted.size());
  Statistics result;
  result.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / count;
  result.p50 = percentile(sorted, 0.50);
  result.p90 = percentile(sorted, 0.90);
  result.p99 = percentile(sorted, 0.99);
  result.min = sorted.front();
  result.max = sorted.back();
  double squares = 0;
  for (const double sample : sorted) squares += (sample - result.mean) * (sample - result.mean);
  result.stddev = sorted.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  return result;
}

}  // namespace deit
