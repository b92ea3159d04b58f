#include "cpu_clock.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace deit {

std::optional<CpuClock> cpu_clock() {
  const int cpu = sched_getcpu();
  if (cpu < 0) return std::nullopt;
  std::array<char, 80> path{};
  std::snprintf(path.data(), path.size(), "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
  const int file = open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 32> text{};
  const ssize_t size = read(file, text.data(), text.size());
  close(file);
  CpuClock found{cpu, 0};
  if (size <= 0) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, found.khz);
  if (error != std::errc() || found.khz <= 0) return std::nullopt;
  return found;
}

double since_boot_s() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace deit
