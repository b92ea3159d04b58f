// JPEG by libjpeg-turbo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "picture_rows.h"

namespace deit {

// Whether `data` starts as a JPEG does.
bool is_jpeg(const std::uint8_t* data, std::size_t size);

// The rows of a JPEG: grey, YCbCr, RGB, CMYK or YCCK, baseline or progressive. `data` must outlive them. Throws
// Error with Code::Picture if it is cut short (no end-of-image marker behind the first scan), if libjpeg-turbo
// gives up on it, or over `max_pixels`. What it steps over with a warning is the rows' warning.
std::unique_ptr<PictureRows> open_jpeg(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);

}  // namespace deit
