// preprocessor_checks PICTURE MANIFEST: the tensor of a picture does not change with an alpha channel, gaps
// between rows, or what the Preprocessor did before; row by row it is that of the whole picture, however turned;
// pixels that cannot be are refused. Says what does not hold.
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <vector>

#include "decode.h"
#include "error.h"
#include "manifest.h"
#include "preprocessor.h"
#include "whole_picture.h"

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  ++failures;
}

std::vector<float> tensor(deit::Preprocessor& preprocessor, const deit::Pixels& pixels) {
  std::vector<float> values(preprocessor.size());
  preprocessor.run(pixels, values.data());
  return values;
}

// The same pixels with `channels` a pixel and `gap` bytes after each row, in memory that ends with the last
// pixel.
std::vector<std::uint8_t> copied(const Picture& picture, int channels, int gap) {
  std::vector<std::uint8_t> bytes;
  for (int y = 0; y < picture.height; ++y) {
    if (y > 0) bytes.insert(bytes.end(), static_cast<std::size_t>(gap), 123);
    for (int x = 0; x < picture.width; ++x) {
      const std::uint8_t* const rgb =
          picture.rgb.data() + (std::size_t(y) * std::size_t(picture.width) + std::size_t(x)) * 3;
      bytes.insert(bytes.end(), rgb, rgb + 3);
      if (channels == 4) bytes.push_back(static_cast<std::uint8_t>(x * 7));
    }
  }
  return bytes;
}

// The picture's rows, as if a camera had held it so.
class TurnedRows : public deit::PictureRows {
 public:
  TurnedRows(const Picture& picture, int orientation) : picture_(picture), orientation_(orientation) {}

  int width() const override { return picture_.width; }
  int height() const override { return picture_.height; }
  int orientation() const override { return orientation_; }

  void read(std::uint8_t* rgb) override {
    const std::size_t line = std::size_t{3} * static_cast<std::size_t>(picture_.width);
    std::memcpy(rgb, picture_.rgb.data() + row_++ * line, line);
  }

 private:
  const Picture& picture_;
  int orientation_;
  std::size_t row_ = 0;
};

bool refuses(deit::Preprocessor& preprocessor, const deit::Pixels& pixels) {
  try {
    tensor(preprocessor, pixels);
  } catch (const deit::Error& error) {
    return error.code() == deit::Code::Picture && std::strchr(error.what(), '\n') == nullptr;
  }
  return false;
}

void run(const char* picture_path, const char* manifest_path) {
  const std::vector<std::uint8_t> file = deit::read_picture_file(picture_path);
  const Picture picture = whole_picture(file);
  const deit::Input input = deit::read_manifest(manifest_path).input;
  const deit::Pixels pixels = picture.pixels();
  deit::Preprocessor preprocessor(input);
  const std::vector<float> expected = tensor(preprocessor, pixels);
  check(tensor(preprocessor, pixels) == expected, "the same picture again");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Picture turned = upright(picture, orientation);
    TurnedRows rows(picture, orientation);
    std::vector<float> by_rows(preprocessor.size());
    preprocessor.run(rows, by_rows.data());
    check(by_rows == tensor(preprocessor, turned.pixels()), "rows as stored are the upright picture");
  }
  for (const int channels : {3, 4}) {
    for (const int gap : {0, 13}) {
      const auto bytes = copied(picture, channels, gap);
      const std::ptrdiff_t stride = std::ptrdiff_t{picture.width} * channels + gap;
      check(tensor(preprocessor, {bytes.data(), picture.width, picture.height, stride, channels}) == expected,
            channels == 4 ? "alpha" : "gaps between rows");
    }
  }
  const std::vector<std::uint8_t> grey(std::size_t{3} * 64 * 31, 77);
  tensor(preprocessor, {grey.data(), 64, 31, 3 * 64, 3});
  check(tensor(preprocessor, pixels) == expected, "after a picture of another size");

  check(refuses(preprocessor, {}), "no pixels");
  check(refuses(preprocessor, {pixels.data, 0, 5, 0, 3}), "no width");
  check(refuses(preprocessor, {pixels.data, pixels.width, pixels.height, pixels.stride, 1}), "grey");
  check(refuses(preprocessor, {pixels.data, pixels.width, pixels.height, pixels.stride - 1, 3}),
        "stride too short");
  check(refuses(preprocessor, {pixels.data, 2'000'000'000, 1, std::numeric_limits<std::ptrdiff_t>::max(), 3}),
        "wider than int counts");
  check(tensor(preprocessor, pixels) == expected, "after refusals");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  try {
    run(arguments[1], arguments[2]);
  } catch (const std::exception& error) {
    check(false, error.what());
  }
  return failures != 0;
}
