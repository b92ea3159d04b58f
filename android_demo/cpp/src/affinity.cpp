#include "affinity.h"

#include <sched.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace deit {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

[[noreturn]] void refuse(std::string_view mask, const std::string& why) {
  throw Error(Code::Usage, "CPU mask " + quoted(mask) + " " + why);
}

}  // namespace

void set_cpu_mask(std::string_view mask) {
  std::string_view digits = mask;
  if (digits.substr(0, 2) == "0x" || digits.substr(0, 2) == "0X") digits.remove_prefix(2);
  if (digits.empty() || digits.size() > CPU_SETSIZE / 4) refuse(mask, "is no hexadecimal mask, such as f0");
  cpu_set_t processors;
  CPU_ZERO(&processors);
  for (std::size_t place = 0; place < digits.size(); ++place) {
    const char digit = digits[digits.size() - 1 - place];
    const std::size_t value =
        kDigits.find(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit);
    if (value == std::string_view::npos) refuse(mask, "is no hexadecimal mask, such as f0");
    for (std::size_t bit = 0; bit < 4; ++bit) {
      if (value >> bit & 1U) CPU_SET(4 * place + bit, &processors);
    }
  }
  if (sched_setaffinity(0, sizeof processors, &processors) != 0) {
    refuse(mask,
           errno == EINVAL ? "has no processor that this device has switched on" : std::strerror(errno));
  }
}

std::string cpu_mask() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  if (sched_getaffinity(0, sizeof processors, &processors) != 0) return "";
  std::string mask;
  for (int place = CPU_SETSIZE / 4 - 1; place >= 0; --place) {
    unsigned value = 0;
    for (int bit = 0; bit < 4; ++bit) {
      if (CPU_ISSET(4 * place + bit, &processors)) value |= 1U << bit;
    }
    if (value != 0 || !mask.empty()) mask += kDigits[value];
  }
  return mask;
}

}  // namespace deit
