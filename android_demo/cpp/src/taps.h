// What the outputs of a resize read along one axis, and the sums along x: the fixed point of
// lite/pictures/prepare.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deit {

// `taps` source pixels for each output, from `first` on. Weights are in units of 2^-22 and 0 for pixels that
// do not count; first + taps is within the axis, unless the axis is shorter than taps.
struct Taps {
  int taps = 0;
  std::vector<int> first;             // [crop], ascending
  std::vector<std::int32_t> weights;  // [crop][taps]

  // For the `crop` outputs in the middle of an axis of `source` pixels resized to `target`. With `reversed` the
  // pixels come from the far end on, and so do the outputs: the very weights in the opposite order. `taps` becomes
  // a multiple of `multiple`. Allocates nothing if it has held as much before.
  void set(int source, std::int64_t target, int crop, int multiple, bool reversed);

  // Source pixels from the first output's first to the last output's last.
  int span() const { return first.back() + taps - first.front(); }
};

constexpr int kWeightBits = 22;

// sum_along_x takes as many taps at a time, and as many rows.
constexpr int kTapStep = 8;
constexpr int kRowStep = 2;

// The sums weight * pixel of kRowStep rows for every output, red, green and blue, as int32. `pixels` holds a
// row's samples from taps.first.front() on, `pixel_line` values to the next row; `weights` are taps.weights
// with each repeated for every channel (3 or 4, of which the fourth is dropped). `sums` gets `sum_line`
// values a row, of which 3 a output count, and needs room for one more after the last of them. taps.taps is
// a multiple of kTapStep.
void sum_along_x(const std::int32_t* pixels, std::ptrdiff_t pixel_line, int channels, const Taps& taps,
                 const std::int32_t* weights, std::int32_t* sums, std::ptrdiff_t sum_line);

}  // namespace deit
