// Reads a whole file at once, or says in one line why not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "error.h"

namespace deit {

// Most bytes of a manifest.json or labels.txt.
constexpr std::size_t kMaxText = std::size_t{16} << 20;

// The bytes of the regular file at `path`, read once. Throws Error with `on_error` if it is missing, no
// regular file, unreadable, empty, or longer than `limit` bytes.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, Code on_error, std::size_t limit);

}  // namespace deit
