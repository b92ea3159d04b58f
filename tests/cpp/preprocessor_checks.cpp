// preprocessor_checks PICTURE MANIFEST: the tensor of a picture does not change with an alpha channel, gaps
// between rows, or what the Preprocessor did before; pixels that cannot be are refused. Says what does not
// hold.
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <vector>

#include "decode.h"
#include "error.h"
#include "manifest.h"
#include "preprocessor.h"

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

// The same pixels with `channels` a pixel and `gap` bytes behind each row, in memory that ends with the last
// pixel.
std::vector<std::uint8_t> copied(const deit::Picture& picture, int channels, int gap) {
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

bool refuses(deit::Preprocessor& preprocessor, const deit::Pixels& pixels) {
  try {
    tensor(preprocessor, pixels);
  } catch (const deit::Error& error) {
    return error.code() == deit::Code::Picture && std::strchr(error.what(), '\n') == nullptr;
  }
  return false;
}

void run(const char* picture_path, const char* manifest_path) {
  const deit::Picture picture = deit::read_picture(picture_path);
  const deit::Input input = deit::read_manifest(manifest_path).input;
  const deit::Pixels pixels = picture.pixels();
  deit::Preprocessor preprocessor(input);
  const std::vector<float> expected = tensor(preprocessor, pixels);
  check(tensor(preprocessor, pixels) == expected, "the same picture again");
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
