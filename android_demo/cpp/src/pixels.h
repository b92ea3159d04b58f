// A view of 8-bit pixels that somebody else owns.
#pragma once

#include <cstddef>
#include <cstdint>

namespace deit {

struct Pixels {
  const std::uint8_t* data = nullptr;  // the top row
  int width = 0;
  int height = 0;
  std::ptrdiff_t stride = 0;  // bytes from one row to the next, at least width * channels
  int channels = 3;           // 3: RGB; 4: RGBA, whose alpha is dropped, not blended
};

}  // namespace deit
