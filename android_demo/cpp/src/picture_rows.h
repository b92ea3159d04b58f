// A picture row by row, as its file has it: what the decoders give and Preprocessor takes. A picture of 48
// megapixels has 144 MB of RGB, which nobody needs at once.
#pragma once

#include <cstdint>
#include <string>

namespace deit {

class PictureRows {
 public:
  PictureRows() = default;
  PictureRows(const PictureRows&) = delete;
  PictureRows& operator=(const PictureRows&) = delete;
  virtual ~PictureRows() = default;

  // As stored: not turned yet.
  virtual int width() const = 0;
  virtual int height() const = 0;

  // EXIF's, 1 to 8: how the picture wants to be turned.
  virtual int orientation() const { return 1; }

  // Writes the next row, from the top one on, to `rgb`: width() times red, green and blue. Throws Error with
  // Code::Picture where the file is damaged.
  virtual void read(std::uint8_t* rgb) = 0;

  // Checks what stands after the last row. Throws Error with Code::Picture as read does.
  virtual void finish() {}

  // What is wrong with a picture that could be read all the same; "" if nothing. Known after finish().
  virtual std::string warning() const { return {}; }
};

}  // namespace deit
