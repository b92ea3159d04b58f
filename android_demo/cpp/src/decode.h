// A JPEG, PNG or WebP file to rows of 8-bit RGB: lite/pictures/prepare.py, step 1, with the same levels and
// refusals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "picture_rows.h"
#include "preprocessor.h"

namespace deit {

// Most pixels of a picture, as in Python.
constexpr std::int64_t kMaxPixels = 100'000'000;

// Throws Error with Code::Picture unless there are 1 to `max_pixels` pixels.
void check_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels);

// The rows of a JPEG, PNG or WebP file in memory, told by content; `data` must outlive them. Grey and palette
// become RGB, alpha is dropped, 16 bits become the nearest of 8. CMYK JPEG is read as OpenCV reads it.
// Progressive JPEG, interlaced PNG and WebP are held whole. Throws Error with Code::Picture for any other kind
// (HEIC and AVIF by name), a cut or damaged file, and over `max_pixels` pixels.
std::unique_ptr<PictureRows> open_picture(const std::uint8_t* data, std::size_t size,
                                          std::int64_t max_pixels = kMaxPixels);

// One for each format, by its library; null where the file does not start as one. They throw as open_picture.
// JPEG by libjpeg-turbo: grey, YCbCr, RGB, CMYK or YCCK, baseline or progressive. Cut short is one without an
// end-of-image marker after the first scan; what libjpeg-turbo steps over with a warning is the rows' warning.
std::unique_ptr<PictureRows> open_jpeg(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);
// PNG by libpng, of any bit depth and colour type, every checksum compared. Interlaced ones, and those with EXIF after
// their pixels, are decoded here as a whole.
std::unique_ptr<PictureRows> open_png(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);
// A still WebP by libwebp, lossy or lossless, decoded here as a whole.
std::unique_ptr<PictureRows> open_webp(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels);

// How a picture became a tensor.
struct Prepared {
  double decode_ms = 0;      // of reading its rows
  double preprocess_ms = 0;  // of the rest
  std::string warning;       // PictureRows::warning
};

// Decodes a file in memory and writes the network's input to `out`, as Preprocessor::run. Throws Error with
// Code::Picture as open_picture does.
Prepared prepare_picture(const std::uint8_t* data, std::size_t size, Preprocessor& preprocessor, float* out);

// The bytes of a picture's file. Throws Error with Code::Picture as read_file does.
std::vector<std::uint8_t> read_picture_file(const std::filesystem::path& path);

// prepare_picture on them; messages name the file.
Prepared prepare_picture_file(const std::vector<std::uint8_t>& bytes, const std::filesystem::path& path,
                              Preprocessor& preprocessor, float* out);

}  // namespace deit
