// digests FILE: SHA-256 of the file's first 0, 1, 2, ... bytes, and of the whole, one a line.
#include <cstdio>
#include <cstdlib>

#include "file.h"
#include "sha256.h"

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const auto bytes = deit::read_file(arguments[1], deit::Code::Picture, std::size_t{1} << 30);
  for (std::size_t size = 0; size < 300 && size < bytes.size(); ++size) {
    std::puts(deit::sha256(bytes.data(), size).c_str());
  }
  std::puts(deit::sha256(bytes.data(), bytes.size()).c_str());
  return 0;
}
