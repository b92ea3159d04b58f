// What a row of raw measurements says; the raw ones are kept beside it, so that all of it can be recomputed.
#pragma once

#include <vector>

namespace deit {

// All in the unit of the samples.
struct Statistics {
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double min = 0;
  double max = 0;
  double stddev = 0;  // of the sample (n - 1 in the denominator); 0 for a single one
};

// Percentiles are interpolated linearly between order statistics, at place q * (n - 1): numpy's default.
// Throws std::invalid_argument if there is no sample.
Statistics summarize(const std::vector<double>& samples);

}  // namespace deit
