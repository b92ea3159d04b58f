#include "shown.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace deit {
namespace {

// Above what any message says in its own words.
constexpr std::size_t kLongestMessage = 4000;
constexpr std::string_view kGap = "…";
constexpr std::string_view kSpace = " \t\n\v\f\r";

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The character that `text` begins with and the number of its bytes; 0 bytes where it is no UTF-8.
std::size_t decode(std::string_view text, std::uint32_t& character) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return character = first, 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  constexpr std::uint32_t least[] = {0x80, 0x800, 0x10000};
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  character = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!continues(text[i])) return 0;
    character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  const bool surrogate = character >= 0xD800 && character < 0xE000;
  return character < least[length - 2] || character > 0x10FFFF || surrogate ? 0 : length;
}

bool is_obeyed(std::uint32_t character) {
  return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0x2028 ||
         character == 0x2029 || (character >= 0x202A && character <= 0x202E) ||
         (character >= 0x2066 && character <= 0x2069);
}

std::string escape(std::uint32_t character) {
  if (character == '\n') return "\\n";
  if (character == '\r') return "\\r";
  if (character == '\t') return "\\t";
  char text[8];
  std::snprintf(text, sizeof text, character < 0x100 ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(character));
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    std::uint32_t character = static_cast<unsigned char>(text[0]);
    const std::size_t length = decode(text, character);
    if (length == 0 || is_obeyed(character)) {
      result += escape(length == 0 ? static_cast<unsigned char>(text[0]) : character);
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

std::string shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::size_t head = longest - longest / 3 - kGap.size(), tail = text.size() - longest / 3;
  while (head > 0 && continues(text[head])) --head;
  while (tail < text.size() && continues(text[tail])) ++tail;
  return std::string(text.substr(0, head)) + std::string(kGap) + std::string(text.substr(tail));
}

std::string quoted(std::string_view name) {
  return "'" + shortened(escaped(shortened(name))) + "'";
}

std::string printable(std::string_view message) {
  std::string line;
  while (true) {
    message.remove_prefix(std::min(message.find_first_not_of(kSpace), message.size()));
    if (message.empty()) break;
    const std::string_view word = message.substr(0, message.find_first_of(kSpace));
    message.remove_prefix(word.size());
    if (!line.empty()) line += ' ';
    line += shortened(escaped(shortened(word)));
  }
  return shortened(line, kLongestMessage);
}

}  // namespace deit
