#include "file.h"

#include <fstream>
#include <system_error>

namespace deit {

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, Code on_error, std::size_t limit) {
  const std::string name = path.string();
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status)) {
    throw Error(on_error, "cannot read " + name + ": " + (failure ? failure.message() : "no such file"));
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw Error(on_error, "cannot read " + name + ": it is a folder or device, not a file");
  }
  const auto bytes = std::filesystem::file_size(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (failure || !file) {
    throw Error(on_error, "cannot read " + name + ": " + (failure ? failure.message() : "no permission"));
  }
  if (bytes == 0) throw Error(on_error, name + " is empty: copy or download it again");
  if (bytes > limit) {
    throw Error(on_error, name + " has " + std::to_string(bytes) + " bytes, more than the " +
                              std::to_string(limit) + " that fit here: is it the right file?");
  }
  std::vector<std::uint8_t> data(static_cast<std::size_t>(bytes));
  if (!file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(bytes))) {
    throw Error(on_error,
                "cannot read all of " + name + ": it changed meanwhile or the disk failed; try again");
  }
  return data;
}

}  // namespace deit
