#include "bundle_file.h"

#include "sha256.h"

namespace deit {

void compare(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes,
             const Manifest& manifest, Code on_error, std::vector<std::string>& unknown) {
  const std::string name = path.filename().string();
  const auto listed = manifest.files.find(name);
  if (listed != manifest.files.end() && listed->second.bytes != bytes.size()) {
    throw Error(on_error, path.string() + " has " + std::to_string(bytes.size()) +
                              " bytes where the manifest says " + std::to_string(listed->second.bytes) +
                              ": copy the bundle again");
  }
  if (listed == manifest.files.end() || !listed->second.sha256) {
    unknown.push_back(name);
  } else if (sha256(bytes.data(), bytes.size()) != *listed->second.sha256) {
    throw Error(on_error, path.string() +
                              " is not the file of its manifest (SHA-256 differs): copy the bundle again");
  }
}

}  // namespace deit
