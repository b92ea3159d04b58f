#include "taps.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace deit {
namespace {

// Catmull-Rom's kernel, a = -0.5, as PIL's bicubic has it.
double cubic(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * -0.5 + 2;
  return 0;
}

// In units of 2^-22, rounded half away from zero.
std::int32_t fixed_point(double weight) {
  const double rounded = std::floor(std::abs(weight) * (1 << kWeightBits) + 0.5);
  return static_cast<std::int32_t>(std::copysign(rounded, weight));
}

// Vectors of GCC and Clang, for SSE, NEON (4 lanes) and AVX2 (8) alike.
using Lanes = std::int32_t __attribute__((vector_size(16)));
using WideLanes = std::int32_t __attribute__((vector_size(32)));

template <typename Vector>
[[gnu::always_inline]] inline void multiply_add(const std::int32_t* a, const std::int32_t* b, Vector& sum) {
  Vector left, right;
  std::memcpy(&left, a, sizeof left);
  std::memcpy(&right, b, sizeof right);
  sum += left * right;
}

// Adds up 4 taps of 3 or 4 channels, which the vectors hold one after the other; the fourth lane is of no
// use.
[[gnu::always_inline]] inline Lanes over_taps(const Lanes (&v)[3]) {
  return v[0] + __builtin_shufflevector(v[0], v[1], 3, 4, 5, 6) +
         __builtin_shufflevector(v[1], v[2], 2, 3, 4, 5) + __builtin_shufflevector(v[2], v[2], 1, 2, 3, 3);
}
[[gnu::always_inline]] inline Lanes over_taps(const Lanes (&v)[4]) {
  return v[0] + v[1] + (v[2] + v[3]);
}

template <typename Vector, int channels>
[[gnu::always_inline]] inline void sum_rows(const std::int32_t* pixels, std::ptrdiff_t pixel_line,
                                            const Taps& taps, const std::int32_t* weights, std::int32_t* sums,
                                            std::ptrdiff_t sum_line) {
  constexpr int lanes = sizeof(Vector) / sizeof(std::int32_t);
  static_assert(kTapStep % lanes == 0, "a step is a whole number of vectors of every channel");
  for (const int first : taps.first) {
    const std::int32_t* from = pixels + std::ptrdiff_t{first - taps.first.front()} * channels;
    Vector totals[kRowStep][channels] = {};
    for (int tap = 0; tap < taps.taps; tap += lanes) {
      for (int part = 0; part < channels; ++part, from += lanes, weights += lanes) {
        for (int row = 0; row < kRowStep; ++row) {
          multiply_add(from + row * pixel_line, weights, totals[row][part]);
        }
      }
    }
    for (int row = 0; row < kRowStep; ++row) {
      Lanes halves[lanes / 4][channels];
      std::memcpy(halves, totals[row], sizeof halves);
      for (int half = 1; half < lanes / 4; ++half) {
        for (int part = 0; part < channels; ++part) halves[0][part] += halves[half][part];
      }
      // The next output overwrites the fourth lane.
      const Lanes rgb = over_taps(halves[0]);
      std::memcpy(sums + row * sum_line, &rgb, sizeof rgb);
    }
    sums += 3;
  }
}

#if defined(__x86_64__)
// Half as many instructions where the processor has AVX2; the build is for any x86_64 with SSE4.1.
template <int channels>
[[gnu::target("avx2")]] void sum_rows_avx2(const std::int32_t* pixels, std::ptrdiff_t pixel_line,
                                           const Taps& taps, const std::int32_t* weights, std::int32_t* sums,
                                           std::ptrdiff_t sum_line) {
  sum_rows<WideLanes, channels>(pixels, pixel_line, taps, weights, sums, sum_line);
}
#endif

template <int channels>
void sum_rows_here(const std::int32_t* pixels, std::ptrdiff_t pixel_line, const Taps& taps,
                   const std::int32_t* weights, std::int32_t* sums, std::ptrdiff_t sum_line) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    return sum_rows_avx2<channels>(pixels, pixel_line, taps, weights, sums, sum_line);
  }
#endif
  sum_rows<Lanes, channels>(pixels, pixel_line, taps, weights, sums, sum_line);
}

// Turns an axis of `source` pixels around.
void reverse(Taps& axis, int source) {
  std::reverse(axis.first.begin(), axis.first.end());
  for (int& first : axis.first) first = std::max(source - first - axis.taps, 0);
  std::reverse(axis.weights.begin(), axis.weights.end());
  // On an axis shorter than the taps those that are no pixels stay last.
  for (auto row = axis.weights.begin(); source < axis.taps && row != axis.weights.end(); row += axis.taps) {
    std::rotate(row, row + (axis.taps - source), row + axis.taps);
  }
}

}  // namespace

void Taps::set(int source, std::int64_t target, int crop, int multiple, bool reversed) {
  const double scale = static_cast<double>(source) / static_cast<double>(target);
  const double stretch = std::max(scale, 1.0);
  const std::int64_t offset = (target - crop) / 2;
  const auto centre = [&](int i) { return (static_cast<double>(i + offset) + 0.5) * scale; };
  const auto begin = [&](int i) {
    return std::max(static_cast<std::int64_t>(centre(i) - 2 * stretch + 0.5), std::int64_t{0});
  };
  const auto end = [&](int i) {
    return std::min(static_cast<std::int64_t>(centre(i) + 2 * stretch + 0.5), std::int64_t{source});
  };
  std::int64_t most = 1;
  for (int i = 0; i < crop; ++i) most = std::max(most, end(i) - begin(i));
  taps = static_cast<int>((most + multiple - 1) / multiple * multiple);
  first.resize(static_cast<std::size_t>(crop));
  weights.assign(first.size() * static_cast<std::size_t>(taps), 0);
  std::int32_t* row = weights.data();
  for (int i = 0; i < crop; ++i, row += taps) {
    // Near the far end the taps start earlier, with weights of 0, so that all of them are pixels.
    const std::int64_t from = std::max(std::min(begin(i), std::int64_t{source} - taps), std::int64_t{0});
    first[static_cast<std::size_t>(i)] = static_cast<int>(from);
    const auto weight = [&](std::int64_t j) {
      return cubic((static_cast<double>(j) - centre(i) + 0.5) * (1.0 / stretch));
    };
    double sum = 0;
    for (std::int64_t j = begin(i); j < end(i); ++j) sum += weight(j);
    for (std::int64_t j = begin(i); j < end(i); ++j) row[j - from] = fixed_point(weight(j) / sum);
  }
  if (reversed) reverse(*this, source);
}

void sum_along_x(const std::int32_t* pixels, std::ptrdiff_t pixel_line, int channels, const Taps& taps,
                 const std::int32_t* weights, std::int32_t* sums, std::ptrdiff_t sum_line) {
  if (channels == 3) {
    sum_rows_here<3>(pixels, pixel_line, taps, weights, sums, sum_line);
  } else {
    sum_rows_here<4>(pixels, pixel_line, taps, weights, sums, sum_line);
  }
}

}  // namespace deit
