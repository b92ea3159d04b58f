#include "resize.h"

#include <algorithm>
#include <cmath>

namespace deit {
namespace {

constexpr int kRgb = 3;

// Levels of sums in units of 2^-22, rounded to nearest. An unbroken loop, for the compiler to vectorise.
void round_to_levels(const std::int32_t* sums, std::size_t count, std::uint8_t* levels) {
  for (std::size_t i = 0; i < count; ++i) {
    levels[i] =
        static_cast<std::uint8_t>(std::clamp((sums[i] + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255));
  }
}

}  // namespace

void Resizer::prepare(const Pixels& pixels) {
  if (pixels.width == width_ && pixels.height == height_ && pixels.channels == channels_) return;
  // Should memory run out below, the tables are nobody's.
  width_ = 0;
  const double scale = static_cast<double>(resize_short_) / std::min(pixels.width, pixels.height);
  // As Python's round(side * scale): halves to even.
  x_.set(pixels.width, std::llrint(pixels.width * scale), crop_, kTapStep);
  y_.set(pixels.height, std::llrint(pixels.height * scale), crop_, 1);
  const auto channels = static_cast<std::size_t>(pixels.channels);
  weights_.resize(x_.weights.size() * channels);
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] = x_.weights[i / channels];
  const std::size_t line = kRgb * static_cast<std::size_t>(crop_);
  const auto rows = static_cast<std::size_t>(y_.span() + kRowStep - 1);
  // Zeros, for a picture narrower than the taps.
  wide_.assign(static_cast<std::size_t>(x_.span()) * channels * kRowStep, 0);
  narrow_.resize(rows * line);
  sums_.resize((line + 1) * kRowStep);
  width_ = pixels.width;
  height_ = pixels.height;
  channels_ = pixels.channels;
}

void Resizer::resize_along_x(const Pixels& pixels) {
  const std::ptrdiff_t left = x_.first.front();
  const std::ptrdiff_t used = std::min<std::ptrdiff_t>(x_.span(), pixels.width - left) * pixels.channels;
  const std::ptrdiff_t wide_line = std::ptrdiff_t{x_.span()} * pixels.channels;
  const std::size_t line = kRgb * static_cast<std::size_t>(crop_);
  const int top = y_.first.front();
  const int bottom = top + y_.span();
  std::uint8_t* to = narrow_.data();
  for (int y = top; y < bottom; y += kRowStep) {
    for (int row = 0; row < kRowStep; ++row) {
      // Where the last step has a row too many, it gets the last one again.
      const std::uint8_t* const from =
          pixels.data + std::min(y + row, bottom - 1) * pixels.stride + left * pixels.channels;
      std::copy_n(from, used, wide_.data() + row * wide_line);
      // The sums of these rows take as long as fetching the next ones, which lie where no prefetcher looks.
      if (y + row + kRowStep >= bottom) continue;
      for (std::ptrdiff_t at = 0; at < used; at += 64)
        __builtin_prefetch(from + kRowStep * pixels.stride + at);
    }
    sum_along_x(wide_.data(), wide_line, pixels.channels, x_, weights_.data(), sums_.data(),
                std::ptrdiff_t(line + 1));
    for (std::size_t row = 0; row < kRowStep; ++row, to += line) {
      round_to_levels(sums_.data() + row * (line + 1), line, to);
    }
  }
}

void Resizer::resize_along_y(std::uint8_t* out) {
  const std::size_t line = kRgb * static_cast<std::size_t>(crop_);
  const std::int32_t* weights = y_.weights.data();
  for (const int first : y_.first) {
    const std::uint8_t* from = narrow_.data() + static_cast<std::size_t>(first - y_.first.front()) * line;
    std::fill_n(sums_.begin(), line, 0);
    for (int tap = 0; tap < y_.taps; ++tap, from += line, ++weights) {
      const std::int32_t weight = *weights;
      std::int32_t* const sums = sums_.data();
      for (std::size_t x = 0; x < line; ++x) sums[x] += weight * from[x];
    }
    round_to_levels(sums_.data(), line, out);
    out += line;
  }
}

void Resizer::run(const Pixels& pixels, std::uint8_t* out) {
  prepare(pixels);
  resize_along_x(pixels);
  resize_along_y(out);
}

}  // namespace deit
