// Any bytes as a manifest.json: values that keep what manifest.h promises, or an Error with a message of one
// line.
#include <cstdlib>
#include <string_view>

#include "error.h"
#include "manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const deit::Manifest manifest = deit::parse_manifest({reinterpret_cast<const char*>(data), size});
    const deit::Input& input = manifest.input;
    bool good = manifest.classes > 0 && input.crop > 0 &&
                input.crop <= input.resize_short && input.resize_short <= 4 * input.crop &&
                input.shape == std::array<int, 4>{1, 3, input.crop, input.crop};
    for (const float std : input.std) good = good && std >= 0.001F && std <= 1;
    for (const float mean : input.mean) good = good && mean >= 0 && mean <= 1;
    for (const auto& [name, file] : manifest.files) {
      good = good && name.find('/') == std::string::npos && name[0] != '.' && (!file.sha256 || file.sha256->size() == 64);
    }
    if (!good) std::abort();
  } catch (const deit::Error& error) {
    if (error.code() != deit::Code::Bundle || deit::escaped(error.what()) != error.what()) std::abort();
  }
  return 0;
}
