// The short side to a size with antialiased bicubic, and the centre square: lite/pictures/prepare.py, steps 2 to 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pixels.h"
#include "taps.h"

namespace deit {

// A picture as it is stored, row by row, and the EXIF orientation (1 to 8) that turns it upright.
struct Stored {
  int width = 0;
  int height = 0;
  int channels = 3;  // 3: RGB; 4: RGBA, whose alpha is dropped
  int orientation = 1;

  bool operator==(const Stored& other) const {
    return width == other.width && height == other.height && channels == other.channels &&
           orientation == other.orientation;
  }
};

// Takes a picture row by row, as stored, and gives the square of the upright one: the same numbers as resizing the
// upright picture along x and then along y. Its buffers stay, so nothing is allocated from the second picture of
// one size on.
class Resizer {
 public:
  // Short side after resizing, and side of the centre square, in pixels; 0 < crop <= resize_short.
  Resizer(int resize_short, int crop) : resize_short_(resize_short), crop_(crop) {}

  // Begins a picture of at least one pixel.
  void start(const Stored& stored);

  // Takes the next row, from the top one on.
  void add(const std::uint8_t* row);

  // After the last row: writes the centre square, upright RGB [crop][crop], to `out`.
  void finish(std::uint8_t* out);

  // All of it, for upright pixels. `pixels` must hold at least one pixel.
  void run(const Pixels& pixels, std::uint8_t* out);

 private:
  void prepare();
  void add_across(const std::uint8_t* used, int row);
  void add_down(const std::uint8_t* used, int row);
  void finish_down(std::uint8_t* square);
  void finish_across(std::uint8_t* square);
  void turn(std::uint8_t* out) const;

  bool is_transposed() const { return stored_.orientation >= 5; }
  // Whether the upright picture has rows, or columns, of the stored one from its far end on.
  bool is_reversed_down() const;
  bool is_reversed_across() const;
  std::size_t line() const { return std::size_t{3} * static_cast<std::size_t>(crop_); }

  int resize_short_;
  int crop_;
  Stored stored_;  // what the tables are for
  int row_ = 0;    // the next one
  // What the square reads of the stored picture's rows, and of its columns.
  Taps across_, down_;
  std::ptrdiff_t wide_line_ = 0;       // samples of a row that across_ reads
  std::ptrdiff_t used_ = 0;            // those of them that are in the picture
  std::vector<std::int32_t> weights_;  // across_.weights, each repeated for every channel
  // [rows][wide_line_]: what across_ reads next. Of a picture that is not transposed kRowStep of its rows; of a
  // transposed one all sums of down_, since there it comes first.
  std::vector<std::int32_t> wide_;
  std::vector<std::uint8_t> narrow_;  // RGB [rows that down_ reads][crop], when across_ comes first
  std::vector<std::int32_t> sums_;
  std::vector<std::uint8_t> square_;  // RGB [crop][crop], before it is turned
};

}  // namespace deit
