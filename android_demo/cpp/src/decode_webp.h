// WebP by libwebp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "picture_rows.h"

namespace deit {

// Whether `data` starts as a WebP does.
bool is_webp(const std::uint8_t* data, std::size_t size);

// The rows of a still WebP, lossy or lossless, which is decoded here as a whole. Throws Error with Code::Picture
// if it is animated, cut short or damaged, or over `max_pixels`.
std::unique_ptr<PictureRows> open_webp(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);

}  // namespace deit
