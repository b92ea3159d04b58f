// A JPEG or PNG file to 8-bit RGB, upright: lite/pictures/prepare.py, step 1, with the same levels and refusals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "pixels.h"

namespace deit {

// Most pixels of a picture, as in Python.
constexpr std::int64_t kMaxPixels = 100'000'000;

// 8-bit RGB, rows from top to bottom without gaps.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // [height][width][3]

  Pixels pixels() const { return {rgb.data(), width, height, std::ptrdiff_t{3} * width, 3}; }
};

// Throws Error with Code::Picture unless there are 1 to `max_pixels` pixels.
void check_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels);

// Decodes a whole JPEG or PNG file in memory, told by content, and turns it as its EXIF orientation says.
// Grey and palette become RGB, alpha is dropped, 16 bits become the nearest of 8. CMYK JPEG is read as OpenCV
// reads it. Throws Error with Code::Picture for any other kind, a cut or damaged file, and over `max_pixels`
// pixels.
Picture decode(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels = kMaxPixels);

// The bytes of a picture's file. Throws Error with Code::Picture as read_file does.
std::vector<std::uint8_t> read_picture_file(const std::filesystem::path& path);

// Decodes them; messages name the file.
Picture decode_file(const std::vector<std::uint8_t>& bytes, const std::filesystem::path& path);

// Both at once.
Picture read_picture(const std::filesystem::path& path);

}  // namespace deit
