#include "decode_png.h"

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include <png.h>

#include "error.h"
#include "exif.h"

namespace deit {
namespace {

// A checksum that does not fit ends reading, of any chunk.
void check_checksums(png_structp png) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
  png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
#else
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
#endif
}

// libpng reports errors by a call that must not return: it jumps back into the member function that called
// the library. So between setjmp and the library there is nothing that a destructor would have to clean up.
class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size) : next_(data), left_(size) {}

  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, &end_); }

  // False on failure; message() then says why.
  bool read_header() {
    const auto on_error = [](png_structp png, png_const_charp message) {
      auto* const reader = static_cast<Reader*>(png_get_error_ptr(png));
      std::snprintf(reader->message_, sizeof reader->message_, "%s", message);
      std::longjmp(reader->back_, 1);
    };
    if (setjmp(back_) != 0) return false;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    end_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr || end_ == nullptr) return fail("not enough memory");
    png_set_read_fn(png_, this, [](png_structp png, png_bytep to, std::size_t bytes) {
      auto* const reader = static_cast<Reader*>(png_get_io_ptr(png));
      if (bytes > reader->left_) png_error(png, "the data end too early");
      std::memcpy(to, reader->next_, bytes);
      reader->next_ += bytes;
      reader->left_ -= bytes;
    });
    check_checksums(png_);
    png_read_info(png_, info_);
    return true;
  }

  // Asks for 8-bit RGB and gives the number of passes over the rows; 0 on failure.
  int start() {
    if (setjmp(back_) != 0) return 0;
    // (v * 255 + 32895) >> 16 in libpng, which is (v + 128) / 257 for every v.
    png_set_scale_16(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != std::size_t{3} * png_get_image_width(png_, info_)) {
      return fail("its rows are no RGB");
    }
    return passes;
  }

  // Reads the next row of a pass over what earlier passes left there. False on failure.
  bool read_row(std::uint8_t* row) {
    if (setjmp(back_) != 0) return false;
    png_read_row(png_, row, nullptr);
    return true;
  }

  // Reads and checks the chunks behind the pixels. False on failure.
  bool finish() {
    if (setjmp(back_) != 0) return false;
    png_read_end(png_, end_);
    return true;
  }

  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::int64_t height() const { return png_get_image_height(png_, info_); }
  const char* message() const { return message_; }

  // Of the eXIf chunk before or behind the pixels; known after finish().
  int orientation() const {
    for (png_infop where : {info_, end_}) {
      png_uint_32 size = 0;
      png_bytep exif = nullptr;
      if (png_get_eXIf_1(png_, where, &size, &exif) != 0) return exif_orientation(exif, size);
    }
    return 1;
  }

 private:
  bool fail(const char* message) {
    std::snprintf(message_, sizeof message_, "%s", message);
    return false;
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  png_infop end_ = nullptr;
  std::jmp_buf back_{};
  char message_[200] = "";
  const std::uint8_t* next_;
  std::size_t left_;
};

[[noreturn]] void refuse(const Reader& reader) {
  throw Error(Code::Picture, std::string("the PNG is cut short or damaged (") + reader.message() +
                                 "): copy it again or save it anew");
}

}  // namespace

bool is_png(const std::uint8_t* data, std::size_t size) {
  return size >= 8 && png_sig_cmp(data, 0, 8) == 0;
}

DecodedPng decode_png(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) {
  Reader reader(data, size);
  if (!reader.read_header()) refuse(reader);
  check_size(reader.width(), reader.height(), max_pixels);
  const int passes = reader.start();
  if (passes == 0) refuse(reader);
  DecodedPng decoded;
  Picture& picture = decoded.picture;
  picture.width = static_cast<int>(reader.width());
  picture.height = static_cast<int>(reader.height());
  const std::size_t line = std::size_t{3} * static_cast<std::size_t>(picture.width);
  picture.rgb.resize(line * static_cast<std::size_t>(picture.height));
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < picture.height; ++y) {
      if (!reader.read_row(picture.rgb.data() + static_cast<std::size_t>(y) * line)) refuse(reader);
    }
  }
  if (!reader.finish()) refuse(reader);
  decoded.orientation = reader.orientation();
  return decoded;
}

}  // namespace deit
