#include "decode.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "decode_jpeg.h"
#include "decode_png.h"
#include "error.h"
#include "file.h"

namespace deit {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 30;

// Turns and mirrors a picture as EXIF's orientation (1 to 8) says.
Picture upright(Picture stored, int orientation) {
  if (orientation == 1) return stored;
  const bool transposed = orientation >= 5;
  const bool flipped = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool mirrored = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Picture turned;
  turned.width = transposed ? stored.height : stored.width;
  turned.height = transposed ? stored.width : stored.height;
  turned.rgb.resize(stored.rgb.size());
  // Bytes from a pixel of the stored picture to the one that lands on its right, and below it.
  const std::ptrdiff_t line = std::ptrdiff_t{3} * stored.width;
  const std::ptrdiff_t right = (transposed ? line : 3) * (mirrored ? -1 : 1);
  const std::ptrdiff_t below = (transposed ? 3 : line) * (flipped ? -1 : 1);
  const std::uint8_t* const origin = stored.rgb.data() + (mirrored ? -right * (turned.width - 1) : 0) +
                                     (flipped ? -below * (turned.height - 1) : 0);
  // Square tiles, since reading column by column would fetch a cache line for every pixel.
  constexpr int kTile = 32;
  for (int top = 0; top < turned.height; top += kTile) {
    for (int left = 0; left < turned.width; left += kTile) {
      for (int y = top; y < std::min(top + kTile, turned.height); ++y) {
        std::uint8_t* to = turned.rgb.data() + (std::ptrdiff_t{y} * turned.width + left) * 3;
        const std::uint8_t* from = origin + y * below + left * right;
        for (int x = left; x < std::min(left + kTile, turned.width); ++x, to += 3, from += right) {
          to[0] = from[0];
          to[1] = from[1];
          to[2] = from[2];
        }
      }
    }
  }
  return turned;
}

}  // namespace

void check_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels) {
  if (width > 0 && height > 0 && width <= max_pixels / height) return;
  throw Error(Code::Picture, "the picture has " + std::to_string(width) + "x" + std::to_string(height) +
                                 " pixels: give 1 to " + std::to_string(max_pixels / 1'000'000) +
                                 " megapixels");
}

Picture decode(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) {
  if (size == 0) throw Error(Code::Picture, "the picture is empty: copy or download it again");
  try {
    if (is_jpeg(data, size)) {
      auto decoded = decode_jpeg(data, size, max_pixels);
      return upright(std::move(decoded.picture), decoded.orientation);
    }
    if (is_png(data, size)) {
      auto decoded = decode_png(data, size, max_pixels);
      return upright(std::move(decoded.picture), decoded.orientation);
    }
  } catch (const std::bad_alloc&) {
    throw Error(Code::Picture, "there is not enough memory for this picture: make it smaller");
  }
  throw Error(Code::Picture,
              "the file is no JPEG or PNG, or its beginning is damaged: save it as one of these");
}

std::vector<std::uint8_t> read_picture_file(const std::filesystem::path& path) {
  return read_file(path, Code::Picture, kMaxBytes);
}

Picture decode_file(const std::vector<std::uint8_t>& bytes, const std::filesystem::path& path) {
  try {
    return decode(bytes.data(), bytes.size());
  } catch (const Error& error) {
    throw Error(error.code(), path.string() + " cannot be used: " + error.what());
  }
}

Picture read_picture(const std::filesystem::path& path) {
  return decode_file(read_picture_file(path), path);
}

}  // namespace deit
