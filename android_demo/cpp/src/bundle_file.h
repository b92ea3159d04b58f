// The files of a bundle against what its manifest says of them, before anything reads what is in them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "error.h"
#include "manifest.h"

namespace deit {

// Compares the bytes of the file `path` with the manifest's size and SHA-256 of its name. Throws Error with
// `on_error` if they differ. Adds the name to `unknown` if there is no SHA-256 of it: the manifest is an
// older one, or the file is of no bundle.
void compare(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes,
             const Manifest& manifest, Code on_error, std::vector<std::string>& unknown);

}  // namespace deit
