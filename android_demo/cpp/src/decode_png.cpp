#include "decode.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

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

// Whether there is an eXIf chunk anywhere; libpng knows only those that it has come to.
bool has_exif_chunk(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kSignature = 8, kAround = 12;
  for (std::size_t at = kSignature; at <= size && size - at >= kAround;) {
    if (std::memcmp(data + at + 4, "eXIf", 4) == 0) return true;
    const std::size_t length = png_get_uint_32(data + at);
    // A damaged length is not added: on a processor of 32 bits the sum could lead back, for ever.
    if (length > size - at - kAround) return false;
    at += kAround + length;
  }
  return false;
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

  // Reads and checks the chunks after the pixels. False on failure.
  bool finish() {
    if (setjmp(back_) != 0) return false;
    png_read_end(png_, end_);
    return true;
  }

  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::int64_t height() const { return png_get_image_height(png_, info_); }
  const char* message() const { return message_; }

  bool has_exif() {
    png_uint_32 size = 0;
    png_bytep exif = nullptr;
    return png_get_eXIf_1(png_, info_, &size, &exif) != 0;
  }

  // Of the eXIf chunk before the pixels, or after them, which is known after finish().
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

class PngRows : public PictureRows {
 public:
  PngRows(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) : reader_(data, size) {
    if (!reader_.read_header()) refuse(reader_);
    check_size(reader_.width(), reader_.height(), max_pixels);
    const int passes = reader_.start();
    if (passes == 0) refuse(reader_);
    line_ = std::size_t{3} * static_cast<std::size_t>(width());
    const bool turned_at_the_end = !reader_.has_exif() && has_exif_chunk(data, size);
    if (passes > 1 || turned_at_the_end) read_whole(passes);
  }

  int width() const override { return static_cast<int>(reader_.width()); }
  int height() const override { return static_cast<int>(reader_.height()); }
  int orientation() const override { return reader_.orientation(); }

  void read(std::uint8_t* rgb) override {
    if (!whole_.empty()) {
      std::copy_n(whole_.data() + row_++ * line_, line_, rgb);
    } else if (!reader_.read_row(rgb)) {
      refuse(reader_);
    }
  }

  void finish() override {
    if (whole_.empty() && !reader_.finish()) refuse(reader_);
  }

 private:
  void read_whole(int passes) {
    whole_.resize(line_ * static_cast<std::size_t>(height()));
    for (int pass = 0; pass < passes; ++pass) {
      for (std::size_t row = 0; row < whole_.size(); row += line_) {
        if (!reader_.read_row(whole_.data() + row)) refuse(reader_);
      }
    }
    if (!reader_.finish()) refuse(reader_);
  }

  Reader reader_;
  std::size_t line_ = 0, row_ = 0;
  std::vector<std::uint8_t> whole_;  // empty where rows are read as they are asked for
};

}  // namespace

std::unique_ptr<PictureRows> open_png(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) {
  if (size < 8 || png_sig_cmp(data, 0, 8) != 0) return nullptr;
  return std::make_unique<PngRows>(data, size, max_pixels);
}

}  // namespace deit
