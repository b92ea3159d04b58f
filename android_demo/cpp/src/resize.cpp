#include "resize.h"

#include <algorithm>
#include <cmath>

namespace deit {
namespace {

constexpr int kRgb = 3;

// The level of a sum in units of 2^-22, rounded to nearest.
std::int32_t level_of(std::int32_t sum) {
  return std::clamp((sum + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255);
}

// An unbroken loop, for the compiler to vectorise.
void round_to_levels(const std::int32_t* sums, std::size_t count, std::uint8_t* levels) {
  for (std::size_t i = 0; i < count; ++i) levels[i] = static_cast<std::uint8_t>(level_of(sums[i]));
}

void add_weighted(const std::uint8_t* samples, std::size_t count, std::int32_t weight,
                  std::int32_t* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) sums[i] += weight * samples[i];
}

}  // namespace

bool Resizer::is_reversed_down() const {
  const int o = stored_.orientation;
  return is_transposed() ? o == 6 || o == 7 : o == 3 || o == 4;
}

bool Resizer::is_reversed_across() const {
  const int o = stored_.orientation;
  return is_transposed() ? o == 7 || o == 8 : o == 2 || o == 3;
}

void Resizer::start(const Stored& stored) {
  if (!(stored == stored_)) {
    stored_ = stored;
    try {
      prepare();
    } catch (...) {
      // Memory ran out, and the tables are nobody's.
      stored_ = {};
      throw;
    }
  }
  row_ = 0;
  if (is_transposed()) std::fill(wide_.begin(), wide_.end(), 0);
}

void Resizer::prepare() {
  const double scale = static_cast<double>(resize_short_) / std::min(stored_.width, stored_.height);
  // As Python's round(side * scale): halves to even.
  across_.set(stored_.width, std::llrint(stored_.width * scale), crop_, kTapStep, is_reversed_across());
  down_.set(stored_.height, std::llrint(stored_.height * scale), crop_, 1, is_reversed_down());
  const auto channels = static_cast<std::size_t>(stored_.channels);
  weights_.resize(across_.weights.size() * channels);
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] = across_.weights[i / channels];
  wide_line_ = std::ptrdiff_t{across_.span()} * stored_.channels;
  used_ = std::min<std::ptrdiff_t>(across_.span(), stored_.width - across_.first.front()) * stored_.channels;
  // A step of kRowStep rows may be one too many.
  const auto rows = static_cast<std::size_t>((is_transposed() ? crop_ : down_.span()) + kRowStep - 1);
  // Zeros, for a picture narrower than the taps.
  wide_.assign((is_transposed() ? rows : kRowStep) * static_cast<std::size_t>(wide_line_), 0);
  narrow_.resize(is_transposed() ? 0 : rows * line());
  sums_.resize((line() + 1) * kRowStep);
  square_.resize(stored_.orientation == 1 ? 0 : static_cast<std::size_t>(crop_ + kRowStep - 1) * line());
}

void Resizer::add(const std::uint8_t* row) {
  const std::uint8_t* const used = row + std::ptrdiff_t{across_.first.front()} * stored_.channels;
  const int place = row_++;
  is_transposed() ? add_down(used, place) : add_across(used, place);
}

void Resizer::add_across(const std::uint8_t* used, int row) {
  const int rows = down_.span();
  const int place = row - down_.first.front();
  if (place < 0 || place >= rows) return;
  const int slot = place % kRowStep;
  std::copy_n(used, used_, wide_.data() + slot * wide_line_);
  if (slot < kRowStep - 1 && place < rows - 1) return;
  sum_along_x(wide_.data(), wide_line_, stored_.channels, across_, weights_.data(), sums_.data(),
              std::ptrdiff_t(line() + 1));
  std::uint8_t* to = narrow_.data() + static_cast<std::size_t>(place - slot) * line();
  for (std::size_t i = 0; i < kRowStep; ++i, to += line()) {
    round_to_levels(sums_.data() + i * (line() + 1), line(), to);
  }
}

void Resizer::add_down(const std::uint8_t* used, int row) {
  // The outputs that read this row, first <= row < first + taps, stand side by side.
  const auto begin = std::upper_bound(down_.first.begin(), down_.first.end(), row - down_.taps);
  const auto end = std::upper_bound(begin, down_.first.end(), row);
  for (auto first = begin; first != end; ++first) {
    const std::ptrdiff_t output = first - down_.first.begin();
    const std::int32_t weight = down_.weights[static_cast<std::size_t>(output * down_.taps + row - *first)];
    if (weight == 0) continue;
    add_weighted(used, static_cast<std::size_t>(used_), weight, wide_.data() + output * wide_line_);
  }
}

void Resizer::finish_down(std::uint8_t* square) {
  const std::int32_t* weights = down_.weights.data();
  for (const int first : down_.first) {
    const std::uint8_t* from = narrow_.data() + static_cast<std::size_t>(first - down_.first.front()) * line();
    std::fill_n(sums_.begin(), line(), 0);
    for (int tap = 0; tap < down_.taps; ++tap, from += line(), ++weights) {
      add_weighted(from, line(), *weights, sums_.data());
    }
    round_to_levels(sums_.data(), line(), square);
    square += line();
  }
}

void Resizer::finish_across(std::uint8_t* square) {
  for (std::int32_t& sum : wide_) sum = level_of(sum);
  for (int row = 0; row < crop_; row += kRowStep) {
    sum_along_x(wide_.data() + row * wide_line_, wide_line_, stored_.channels, across_, weights_.data(),
                sums_.data(), std::ptrdiff_t(line() + 1));
    for (std::size_t i = 0; i < kRowStep; ++i, square += line()) {
      round_to_levels(sums_.data() + i * (line() + 1), line(), square);
    }
  }
}

// The square has the stored picture's directions; EXIF says which they are.
void Resizer::turn(std::uint8_t* out) const {
  const std::ptrdiff_t down = is_reversed_down() ? -std::ptrdiff_t(line()) : std::ptrdiff_t(line());
  const std::ptrdiff_t across = is_reversed_across() ? -kRgb : kRgb;
  const std::uint8_t* row = square_.data() + (is_reversed_down() ? (crop_ - 1) * -down : 0) +
                            (is_reversed_across() ? (crop_ - 1) * -across : 0);
  for (int y = 0; y < crop_; ++y, row += is_transposed() ? across : down) {
    const std::uint8_t* from = row;
    for (int x = 0; x < crop_; ++x, from += is_transposed() ? down : across) {
      out = std::copy_n(from, kRgb, out);
    }
  }
}

void Resizer::finish(std::uint8_t* out) {
  std::uint8_t* const square = stored_.orientation == 1 ? out : square_.data();
  is_transposed() ? finish_across(square) : finish_down(square);
  if (stored_.orientation != 1) turn(out);
}

void Resizer::run(const Pixels& pixels, std::uint8_t* out) {
  start({pixels.width, pixels.height, pixels.channels});
  row_ = down_.first.front();
  const int bottom = row_ + down_.span();
  for (int y = row_; y < bottom; ++y) {
    const std::uint8_t* const row = pixels.data + y * pixels.stride;
    // The sums of these rows take as long as fetching the next ones, which lie where no prefetcher looks.
    if (y + kRowStep < bottom) {
      const std::uint8_t* const next =
          row + kRowStep * pixels.stride + std::ptrdiff_t{across_.first.front()} * pixels.channels;
      for (std::ptrdiff_t at = 0; at < used_; at += 64) __builtin_prefetch(next + at);
    }
    add(row);
  }
  finish(out);
}

}  // namespace deit
