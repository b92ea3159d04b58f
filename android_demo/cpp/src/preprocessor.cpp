#include "preprocessor.h"

#include <limits>
#include <string>

#include "error.h"

namespace deit {
namespace {

constexpr int kLevels = 256;

void check(const Pixels& pixels) {
  if (pixels.data == nullptr || pixels.width < 1 || pixels.height < 1) {
    throw Error(Code::Picture, "a picture without pixels: give at least 1x1");
  }
  if (pixels.channels != 3 && pixels.channels != 4) {
    throw Error(Code::Picture,
                "a picture of " + std::to_string(pixels.channels) + " channels: give 3 (RGB) or 4 (RGBA)");
  }
  if (pixels.width > std::numeric_limits<int>::max() / pixels.channels) {
    throw Error(Code::Picture, "a picture " + std::to_string(pixels.width) + " pixels wide: make it smaller");
  }
  if (pixels.stride < std::ptrdiff_t{pixels.width} * pixels.channels) {
    throw Error(Code::Picture, "rows of " + std::to_string(pixels.stride) + " bytes are too short for " +
                                   std::to_string(pixels.width) + " pixels of " +
                                   std::to_string(pixels.channels) + " channels");
  }
}

}  // namespace

Preprocessor::Preprocessor(const Input& input)
    : crop_(static_cast<std::size_t>(input.crop)), resizer_(input.resize_short, input.crop) {
  if (input.crop < 1 || input.crop > input.resize_short) {
    throw Error(Code::Bundle, "crop " + std::to_string(input.crop) +
                                  " must be between 1 and resize_short, which is " +
                                  std::to_string(input.resize_short));
  }
  levels_.reserve(std::size_t{3} * kLevels);
  for (std::size_t c = 0; c < 3; ++c) {
    if (!(input.std[c] > 0)) throw Error(Code::Bundle, "std must be above 0");
    for (int level = 0; level < kLevels; ++level) {
      // Step 5: float32 throughout, each step rounded.
      const float scaled = static_cast<float>(level) * static_cast<float>(1.0 / 255);
      levels_.push_back((scaled - input.mean[c]) / input.std[c]);
    }
  }
  cropped_.resize(size());
}

void Preprocessor::run(const Pixels& pixels, float* out) {
  check(pixels);
  resizer_.run(pixels, cropped_.data());
  normalise(out);
}

void Preprocessor::run(PictureRows& rows, float* out) {
  row_.resize(std::size_t{3} * static_cast<std::size_t>(rows.width()));
  const Stored stored{rows.width(), rows.height(), 3, rows.orientation()};
  resizer_.start(stored);
  for (int y = 0; y < stored.height; ++y) {
    rows.read(row_.data());
    resizer_.add(row_.data());
  }
  rows.finish();
  resizer_.finish(cropped_.data());
  normalise(out);
}

void Preprocessor::normalise(float* out) const {
  const std::size_t plane = crop_ * crop_;
  for (std::size_t c = 0; c < 3; ++c) {
    const float* const levels = levels_.data() + c * kLevels;
    float* const values = out + c * plane;
    const std::uint8_t* const square = cropped_.data() + c;
    for (std::size_t i = 0; i < plane; ++i) values[i] = levels[square[3 * i]];
  }
}

}  // namespace deit
