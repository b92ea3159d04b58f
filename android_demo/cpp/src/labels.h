// The names of the classes, one a line of labels.txt, in the order of the logits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace deit {

// The class names of labels.txt (UTF-8; lines may end in CR LF). Throws Error with Code::Bundle if the file
// cannot be read, is no UTF-8, has an empty line, or does not have just `classes` lines.
std::vector<std::string> read_labels(const std::filesystem::path& path, int classes);

// The class names in the bytes of such a file, which messages call `name`.
std::vector<std::string> parse_labels(const std::vector<std::uint8_t>& bytes, const std::string& name,
                                      int classes);

}  // namespace deit
