#include "cpu_features.h"

#if defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace deit {
namespace {

// Whether each line of features in /proc/cpuinfo, of which every core has one, has this word; none without a line.
std::optional<bool> every_core_lists(const std::string& feature) {
  std::optional<bool> all;
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word.rfind("Features", 0) != 0) continue;
    bool found = false;
    while (words >> word) found = found || word == feature;
    all = all.value_or(true) && found;
  }
  return all;
}

}  // namespace

// Paddle Lite's own MobileConfig::check_fp16_valid (2.13) goes by a list of cores: one core that is on it is enough
// there, and cores newer than the list, such as Cortex-A715 and X3, are not.
bool has_asimdhp() {
#if defined(__aarch64__)
  constexpr unsigned long kAsimdhp = 1UL << 10;  // HWCAP_ASIMDHP of Linux's uapi/asm/hwcap.h
  return (getauxval(AT_HWCAP) & kAsimdhp) != 0 && every_core_lists("asimdhp").value_or(true);
#else
  // What 32-bit programs get in the auxiliary vector had no such bit when most phones' kernels were made.
  return every_core_lists("asimdhp").value_or(false);
#endif
}

}  // namespace deit
#else
namespace deit {

bool has_asimdhp() {
  return false;
}

}  // namespace deit
#endif
