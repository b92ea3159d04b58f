#include "marks.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "error.h"

namespace deit {

Marks::Marks(const std::filesystem::path& path) : file_(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
  if (file_ < 0) {
    throw Error(Code::Usage, "cannot write to " + path.string() + ": " + std::strerror(errno) +
                                 ": give another --trace-marker, or none");
  }
}

Marks::~Marks() {
  if (file_ >= 0) close(file_);
}

// One write is one mark to the kernel; nothing is allocated, since runs are timed around it.
void Marks::begin(const char* name) const {
  if (file_ < 0) return;
  std::array<char, 128> text{};
  const int size = std::snprintf(text.data(), text.size(), "B|%d|deit: %s\n", getpid(), name);
  [[maybe_unused]] const ssize_t ignored = write(file_, text.data(), static_cast<std::size_t>(size));
}

void Marks::end() const {
  if (file_ < 0) return;
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "E|%d\n", getpid());
  [[maybe_unused]] const ssize_t ignored = write(file_, text.data(), static_cast<std::size_t>(size));
}

}  // namespace deit
