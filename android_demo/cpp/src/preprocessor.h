// A picture's pixels to the network's input tensor, by the fixed point of lite/pictures/prepare.py: same numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "manifest.h"
#include "picture_rows.h"
#include "pixels.h"
#include "resize.h"

namespace deit {

// Resizes, crops and normalises. Its buffers stay, so nothing is allocated from the second picture of one
// size on. One object belongs to one thread at a time.
class Preprocessor {
 public:
  // Throws Error with Code::Bundle if crop is not between 1 and resize_short, or a std is not above 0.
  explicit Preprocessor(const Input& input);

  // Writes `size()` float32 values to `out`: planes red, green, blue of crop x crop values, row by row.
  // Throws Error with Code::Picture for a picture without pixels, too large, or with channels or stride that
  // do not fit.
  void run(const Pixels& pixels, float* out);

  // The same from a picture's rows, as they come, turned upright. Throws what they throw; `out` is then as it was.
  void run(PictureRows& rows, float* out);

  // Values of one input tensor: 3 * crop * crop.
  std::size_t size() const noexcept { return 3U * crop_ * crop_; }

 private:
  void normalise(float* out) const;

  std::size_t crop_;
  std::vector<float> levels_;  // [3][256]: the normalised value of each level of each channel
  Resizer resizer_;
  std::vector<std::uint8_t> cropped_;  // RGB [crop][crop]
  std::vector<std::uint8_t> row_;
};

}  // namespace deit
