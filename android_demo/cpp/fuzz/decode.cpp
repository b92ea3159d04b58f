// Any bytes as a picture: a tensor of finite numbers or an Error, nothing else.
#include <cmath>
#include <cstdlib>
#include <vector>

#include "decode.h"
#include "error.h"
#include "preprocessor.h"

namespace {

// Few pixels, so that an input is done in milliseconds.
constexpr std::int64_t kMaxPixels = 1 << 18;

deit::Input input() {
  deit::Input input;
  input.resize_short = 20;
  input.crop = 17;
  input.mean = {0.5F, 0.5F, 0.5F};
  input.std = {0.25F, 0.25F, 0.25F};
  return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static deit::Preprocessor preprocessor(input());
  std::vector<float> tensor(preprocessor.size());
  try {
    preprocessor.run(*deit::open_picture(data, size, kMaxPixels), tensor.data());
  } catch (const deit::Error& error) {
    if (error.code() != deit::Code::Picture) std::abort();
    return 0;
  }
  for (const float value : tensor) {
    if (!std::isfinite(value)) std::abort();
  }
  return 0;
}
