// The short side to a size with antialiased bicubic, and the centre square: lite/pictures/prepare.py, steps 2 to 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pixels.h"
#include "taps.h"

namespace deit {

// Its buffers stay, so nothing is allocated from the second picture of one size on.
class Resizer {
 public:
  // Short side after resizing, and side of the centre square, in pixels; 0 < crop <= resize_short.
  Resizer(int resize_short, int crop) : resize_short_(resize_short), crop_(crop) {}

  // Writes the centre square, RGB [crop][crop], to `out`. `pixels` must hold at least one pixel.
  void run(const Pixels& pixels, std::uint8_t* out);

 private:
  void prepare(const Pixels& pixels);
  void resize_along_x(const Pixels& pixels);
  void resize_along_y(std::uint8_t* out);

  int resize_short_;
  int crop_;
  int width_ = 0, height_ = 0, channels_ = 0;  // of the picture that the tables are for
  Taps x_, y_;
  std::vector<std::int32_t> weights_;  // x_.weights, each repeated for every channel
  std::vector<std::int32_t> wide_;     // samples that x_ reads, [kRowStep rows][span][channels]
  std::vector<std::uint8_t> narrow_;   // the rows that y_ reads, resized along x: RGB [rows][crop]
  std::vector<std::int32_t> sums_;
};

}  // namespace deit
