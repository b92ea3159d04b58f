// A picture decoded as a whole, upright: what the row by row way of the core is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decode.h"
#include "pixels.h"

struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // [height][width][3]

  deit::Pixels pixels() const { return {rgb.data(), width, height, std::ptrdiff_t{3} * width, 3}; }
};

// Turns and mirrors a picture as EXIF's orientation (1 to 8) says, pixel by pixel.
inline Picture upright(const Picture& stored, int orientation) {
  const bool transposed = orientation >= 5;
  const bool flipped = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool mirrored = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Picture turned;
  turned.width = transposed ? stored.height : stored.width;
  turned.height = transposed ? stored.width : stored.height;
  turned.rgb.reserve(stored.rgb.size());
  for (int row = 0; row < turned.height; ++row) {
    for (int column = 0; column < turned.width; ++column) {
      const int y = flipped ? turned.height - 1 - row : row;
      const int x = mirrored ? turned.width - 1 - column : column;
      const auto from = static_cast<std::size_t>(transposed ? x * stored.width + y : y * stored.width + x) * 3;
      for (std::size_t channel = 0; channel < 3; ++channel) turned.rgb.push_back(stored.rgb[from + channel]);
    }
  }
  return turned;
}

// Decodes a whole file in memory.
inline Picture whole_picture(const std::vector<std::uint8_t>& bytes) {
  const auto rows = deit::open_picture(bytes.data(), bytes.size());
  Picture stored{rows->width(), rows->height(), {}};
  const std::size_t line = std::size_t{3} * static_cast<std::size_t>(stored.width);
  stored.rgb.resize(line * static_cast<std::size_t>(stored.height));
  for (std::size_t at = 0; at < stored.rgb.size(); at += line) rows->read(stored.rgb.data() + at);
  rows->finish();
  return rows->orientation() == 1 ? stored : upright(stored, rows->orientation());
}
