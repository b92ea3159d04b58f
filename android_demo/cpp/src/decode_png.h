// PNG by libpng.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode.h"

namespace deit {

// A PNG as stored, not turned, and its EXIF orientation.
struct DecodedPng {
  Picture picture;
  int orientation = 1;
};

// Whether `data` starts as a PNG does.
bool is_png(const std::uint8_t* data, std::size_t size);

// Decodes a PNG of any bit depth and colour type, interlaced or not. Throws Error with Code::Picture if a
// chunk is missing or does not fit its checksum, if libpng gives up on it, or over `max_pixels`.
DecodedPng decode_png(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);

}  // namespace deit
