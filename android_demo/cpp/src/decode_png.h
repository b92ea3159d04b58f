// PNG by libpng.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "picture_rows.h"

namespace deit {

// Whether `data` starts as a PNG does.
bool is_png(const std::uint8_t* data, std::size_t size);

// The rows of a PNG of any bit depth and colour type. `data` must outlive them. Interlaced ones, and those with
// EXIF behind their pixels, are decoded here as a whole. Throws Error with Code::Picture if a chunk is missing or
// does not fit its checksum, if libpng gives up on it, or over `max_pixels`.
std::unique_ptr<PictureRows> open_png(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);

}  // namespace deit
