#include "decode.h"

#include <csetjmp>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include <jpeglib.h>
// After what it needs.
#include <jerror.h>

#include "error.h"
#include "exif.h"

namespace deit {
namespace {

// Whether there is an end-of-image marker after the first scan; one in a thumbnail does not count.
bool has_end(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint8_t kStartOfScan = 0xDA, kEndOfImage = 0xD9;
  std::size_t at = 2;
  while (true) {
    while (at + 1 < size && !(data[at] == 0xFF && data[at + 1] != 0xFF && data[at + 1] != 0)) ++at;
    if (at + 3 >= size) return false;
    const std::uint8_t marker = data[at + 1];
    at += 2;
    at += static_cast<std::size_t>(data[at] << 8 | data[at + 1]);
    if (marker == kStartOfScan) break;
  }
  for (; at + 1 < size; ++at) {
    if (data[at] == 0xFF && data[at + 1] == kEndOfImage) return true;
  }
  return false;
}

// libjpeg reports errors by a call that must not return: it jumps back into the member function that called
// the library. So between setjmp and the library there is nothing that a destructor would have to clean up.
class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* const reader = static_cast<Reader*>(info->client_data);
      info->err->format_message(info, reader->message_);
      std::longjmp(reader->back_, 1);
    };
    // Negative levels are warnings: of damage that the decoder steps over.
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level >= 0) return;
      if (info->err->num_warnings++ > 0) return;
      info->err->format_message(info, static_cast<Reader*>(info->client_data)->warning_);
    };
  }

  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { jpeg_destroy_decompress(&info_); }

  // False on failure; message() then says why.
  bool read_header() {
    if (setjmp(back_) != 0) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, data_, static_cast<unsigned long>(size_));
    // libjpeg's own source makes up an end of the image where the data end.
    info_.src->fill_input_buffer = [](j_decompress_ptr info) -> boolean {
      auto* const reader = static_cast<Reader*>(info->client_data);
      std::snprintf(reader->message_, sizeof reader->message_, "the data end too early");
      reader->is_at_end_ = true;
      std::longjmp(reader->back_, 1);
    };
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  // Chooses RGB, or CMYK where the file has four channels, and gets ready to give rows. False on failure.
  bool start() {
    if (setjmp(back_) != 0) return false;
    info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    return true;
  }

  // Reads the next row: RGB, or four bytes a pixel if is_cmyk(). False on failure.
  bool read_row(std::uint8_t* row) {
    if (setjmp(back_) != 0) return false;
    jpeg_read_scanlines(&info_, &row, 1);
    return true;
  }

  // Reads what stands before the end of the image. False on failure, which data that end first are not: OpenCV
  // lets them pass, too.
  bool finish() {
    if (setjmp(back_) != 0) return is_at_end_;
    jpeg_finish_decompress(&info_);
    return true;
  }

  std::int64_t width() const { return info_.image_width; }
  std::int64_t height() const { return info_.image_height; }
  bool is_cmyk() const { return info_.out_color_space == JCS_CMYK; }
  const char* message() const { return message_; }
  bool is_out_of_memory() const { return errors_.msg_code == JERR_OUT_OF_MEMORY; }
  long warnings() const { return errors_.num_warnings; }
  const char* first_warning() const { return warning_; }

  int orientation() const {
    // OpenCV takes the first APP1 segment for EXIF, after the six bytes "Exif\0\0".
    constexpr unsigned kHeader = 6;
    for (auto* segment = info_.marker_list; segment != nullptr; segment = segment->next) {
      if (segment->marker != JPEG_APP0 + 1) continue;
      if (segment->data_length <= kHeader) return 1;
      return exif_orientation(segment->data + kHeader, segment->data_length - kHeader);
    }
    return 1;
  }

 private:
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf back_{};
  char message_[JMSG_LENGTH_MAX] = "";
  char warning_[JMSG_LENGTH_MAX] = "";
  bool is_at_end_ = false;
  const std::uint8_t* data_;
  std::size_t size_;
};

// OpenCV's rule for samples stored inverted, as Adobe stores them.
void cmyk_to_rgb(const std::uint8_t* cmyk, int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int black = cmyk[3];
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(black - ((255 - cmyk[c]) * black >> 8));
  }
}

[[noreturn]] void refuse(const Reader& reader) {
  if (reader.is_out_of_memory()) throw std::bad_alloc();
  throw Error(Code::Picture,
              std::string("the JPEG is damaged (") + reader.message() + "): copy it again or save it anew");
}

class JpegRows : public PictureRows {
 public:
  JpegRows(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) : reader_(data, size) {
    if (!reader_.read_header()) refuse(reader_);
    check_size(reader_.width(), reader_.height(), max_pixels);
    if (!has_end(data, size)) {
      throw Error(Code::Picture, "the JPEG is cut short, its end is missing: copy or download it again");
    }
    if (!reader_.start()) refuse(reader_);
    if (reader_.is_cmyk()) cmyk_.resize(std::size_t{4} * static_cast<std::size_t>(width()));
  }

  int width() const override { return static_cast<int>(reader_.width()); }
  int height() const override { return static_cast<int>(reader_.height()); }
  int orientation() const override { return reader_.orientation(); }

  void read(std::uint8_t* rgb) override {
    if (!reader_.read_row(cmyk_.empty() ? rgb : cmyk_.data())) refuse(reader_);
    if (!cmyk_.empty()) cmyk_to_rgb(cmyk_.data(), width(), rgb);
  }

  void finish() override {
    if (!reader_.finish()) refuse(reader_);
  }

  std::string warning() const override {
    if (reader_.warnings() == 0) return {};
    return "the JPEG is damaged and was read all the same, with pixels that may be wrong (warnings of libjpeg: " +
           std::to_string(reader_.warnings()) + ", the first '" + reader_.first_warning() +
           "'): copy it again or save it anew";
  }

 private:
  Reader reader_;
  std::vector<std::uint8_t> cmyk_;  // a row of four channels
};

}  // namespace

std::unique_ptr<PictureRows> open_jpeg(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) {
  const bool is_jpeg = size >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF;
  if (!is_jpeg) return nullptr;
  return std::make_unique<JpegRows>(data, size, max_pixels);
}

}  // namespace deit
