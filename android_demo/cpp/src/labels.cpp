#include "labels.h"

#include <cstddef>
#include <string_view>

#include "error.h"
#include "file.h"

namespace deit {
namespace {

constexpr std::size_t kLimit = std::size_t{16} << 20;

// Length of the UTF-8 sequence at the start of `text` (RFC 3629, table in section 4), or 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const auto tail = [&](std::size_t index) { return (byte(index) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF && tail(1)) return 2;
  if (first >= 0xE0 && first <= 0xEF && tail(1) && tail(2)) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4 && tail(1) && tail(2) && tail(3)) {
    const bool overlong = first == 0xF0 && second < 0x90;
    const bool beyond = first == 0xF4 && second > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

std::vector<std::string> read_labels(const std::filesystem::path& path, int classes) {
  const auto data = read_file(path, Code::Bundle, kLimit);
  std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  const std::string name = path.string();
  if (!is_utf8(text))
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
