#include "labels.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "error.h"
#include "file.h"

namespace deit {
namespace {

bool is_utf8(const std::string& text) {
  using nlohmann::json;
  try {
    json(text).dump();  // checks each sequence, as JSON must be UTF-8
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

}  // namespace

std::vector<std::string> read_labels(const std::filesystem::path& path, int classes) {
  return parse_labels(read_file(path, Code::Bundle, kMaxText), path.string(), classes);
}

std::vector<std::string> parse_labels(const std::vector<std::uint8_t>& bytes, const std::string& name,
                                      int classes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!is_utf8(std::string(text)))
    throw Error(Code::Bundle, name + " is not UTF-8 text: save it as UTF-8, one class a line");
  if (text.back() == '\n') text.remove_suffix(1);
  std::vector<std::string> labels;
  for (bool more = true; more;) {
    const std::size_t end = text.find('\n');
    more = end != std::string_view::npos;
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) {
      throw Error(Code::Bundle, name + ": line " + std::to_string(labels.size() + 1) +
                                    " is empty; give each class one line");
    }
    labels.emplace_back(line);
    if (more) text.remove_prefix(end + 1);
  }
  if (labels.size() != static_cast<std::size_t>(classes)) {
    throw Error(Code::Bundle, name + " has " + std::to_string(labels.size()) + " labels for " +
                                  std::to_string(classes) + " classes: give the labels of this network");
  }
  return labels;
}

}  // namespace deit
