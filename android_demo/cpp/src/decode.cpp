#include "decode.h"

#include <algorithm>
#include <new>
#include <string_view>

#include "error.h"
#include "file.h"
#include "stopwatch.h"

namespace deit {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 30;

// "AVIF" or "HEIC" by the brands in an ISO media file's first box, which phones' cameras write; "" for others.
std::string_view phone_format(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size < 12 || text.substr(4, 4) != "ftyp") return "";
  const std::size_t box = std::size_t{data[0]} << 24 | data[1] << 16 | data[2] << 8 | data[3];
  const std::string_view brands = text.substr(0, std::min(size, box));
  const auto has = [&](std::initializer_list<std::string_view> names) {
    for (std::size_t at = 8; at + 4 <= brands.size(); at += at == 8 ? 8 : 4) {
      if (std::find(names.begin(), names.end(), brands.substr(at, 4)) != names.end()) return true;
    }
    return false;
  };
  if (has({"avif", "avis"})) return "AVIF";
  if (has({"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"})) return "HEIC";
  return "";
}

// Tells the time that reading takes from what is done between.
class TimedRows : public PictureRows {
 public:
  explicit TimedRows(PictureRows& rows) : rows_(rows) {}

  int width() const override { return rows_.width(); }
  int height() const override { return rows_.height(); }
  int orientation() const override { return rows_.orientation(); }

  void read(std::uint8_t* rgb) override {
    preprocess_ms += watch_.lap();
    rows_.read(rgb);
    decode_ms += watch_.lap();
  }

  void finish() override {
    preprocess_ms += watch_.lap();
    rows_.finish();
    decode_ms += watch_.lap();
  }

  // To be called when all is done.
  void stop() { preprocess_ms += watch_.lap(); }

  double decode_ms = 0;
  double preprocess_ms = 0;

 private:
  PictureRows& rows_;
  Stopwatch watch_;
};

}  // namespace

void check_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels) {
  if (width > 0 && height > 0 && width <= max_pixels / height) return;
  throw Error(Code::Picture, "the picture has " + std::to_string(width) + "x" + std::to_string(height) +
                                 " pixels: give 1 to " + std::to_string(max_pixels / 1'000'000) +
                                 " megapixels");
}

std::unique_ptr<PictureRows> open_picture(const std::uint8_t* data, std::size_t size,
                                          std::int64_t max_pixels) {
  if (size == 0) throw Error(Code::Picture, "the picture is empty: copy or download it again");
  for (const auto open : {open_jpeg, open_png, open_webp}) {
    if (auto rows = open(data, size, max_pixels)) return rows;
  }
  if (const std::string_view format = phone_format(data, size); !format.empty()) {
    throw Error(Code::Picture, "it is a picture in " + std::string(format) +
                                   ", which is not read here: save it as JPEG, PNG or WebP");
  }
  throw Error(Code::Picture,
              "the file is no JPEG, PNG or WebP, or its beginning is damaged: save it as one of these");
}

Prepared prepare_picture(const std::uint8_t* data, std::size_t size, Preprocessor& preprocessor, float* out) {
  try {
    Stopwatch watch;
    const std::unique_ptr<PictureRows> rows = open_picture(data, size);
    const double opening_ms = watch.lap();
    TimedRows timed(*rows);
    preprocessor.run(timed, out);
    timed.stop();
    return {opening_ms + timed.decode_ms, timed.preprocess_ms, rows->warning()};
  } catch (const std::bad_alloc&) {
    throw Error(Code::Picture, "there is not enough memory for this picture: make it smaller");
  }
}

std::vector<std::uint8_t> read_picture_file(const std::filesystem::path& path) {
  return read_file(path, Code::Picture, kMaxBytes);
}

Prepared prepare_picture_file(const std::vector<std::uint8_t>& bytes, const std::filesystem::path& path,
                              Preprocessor& preprocessor, float* out) {
  try {
    Prepared prepared = prepare_picture(bytes.data(), bytes.size(), preprocessor, out);
    if (!prepared.warning.empty()) prepared.warning.insert(0, path.string() + ": ");
    return prepared;
  } catch (const Error& error) {
    throw Error(error.code(), path.string() + " cannot be used: " + error.what());
  }
}

}  // namespace deit
