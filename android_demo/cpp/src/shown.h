// Text from outside, as messages and output repeat it: nothing in it that a terminal obeys. As lite/shown.py.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deit {

constexpr std::size_t kLongestShown = 200;

// UTF-8 in which control characters, what turns the direction of writing and bytes that are no UTF-8 are escaped.
std::string escaped(std::string_view text);

// `text` with at most `longest` bytes: … where its middle was, between whole characters.
std::string shortened(std::string_view text, std::size_t longest = kLongestShown);

// A name in quotes, escaped and short.
std::string quoted(std::string_view name);

// A message in one line: white space becomes one space, the rest is escaped, and words of more than 200 bytes, which
// are nobody's own, are shortened.
std::string printable(std::string_view message);

}  // namespace deit
