// deit_tensor PICTURE MANIFEST OUT.f32: writes the network's input tensor for a picture, float32 [1, 3, crop,
// crop] in the processor's byte order (little-endian on all that the demo is for). Needs no engine.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "decode.h"
#include "error.h"
#include "manifest.h"
#include "preprocessor.h"
#include "shown.h"

namespace {

// Under a temporary name first, so that an earlier file stays whole until the new one is.
void write_tensor(const std::filesystem::path& path, const std::vector<float>& values) {
  std::filesystem::path part = path;
  part += ".part";
  std::ofstream file(part, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
  file.close();
  std::error_code failure;
  if (file) std::filesystem::rename(part, path, failure);
  if (!file || failure) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    throw deit::Error(deit::Code::Output,
                      "cannot write " + path.string() + ": give a folder that is there and has room");
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 4) throw deit::Error(deit::Code::Usage, "usage: deit_tensor PICTURE MANIFEST OUT.f32");
    const deit::Manifest manifest = deit::read_manifest(arguments[2]);
    deit::Preprocessor preprocessor(manifest.input);
    std::vector<float> tensor(preprocessor.size());
    const auto bytes = deit::read_picture_file(arguments[1]);
    const std::string warning =
        deit::prepare_picture_file(bytes, arguments[1], preprocessor, tensor.data()).warning;
    if (!warning.empty()) std::fprintf(stderr, "deit_tensor: warning: %s\n", deit::printable(warning).c_str());
    write_tensor(arguments[3], tensor);
    return 0;
  } catch (const deit::Error& error) {
    std::fprintf(stderr, "deit_tensor: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "deit_tensor: %s\n", deit::printable(error.what()).c_str());
    return 1;
  }
}
