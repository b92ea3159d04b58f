// JPEG by libjpeg-turbo.
#pragma once

#include <cstddef>
#include <cstdint>

#include "decode.h"

namespace deit {

// A JPEG as stored, not turned, and its EXIF orientation.
struct DecodedJpeg {
  Picture picture;
  int orientation = 1;
};

// Whether `data` starts as a JPEG does.
bool is_jpeg(const std::uint8_t* data, std::size_t size);

// Decodes a JPEG: grey, YCbCr, RGB, CMYK or YCCK, baseline or progressive. Throws Error with Code::Picture if
// it is cut short (no end-of-image marker behind the first scan), if libjpeg-turbo gives up on it, or over
// `max_pixels`.
DecodedJpeg decode_jpeg(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);

}  // namespace deit
