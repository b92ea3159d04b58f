// What a CPU's clock is at, and the time as the kernel counts it from its start.
#pragma once

#include <cstdint>
#include <optional>

namespace deit {

struct CpuClock {
  int cpu = 0;
  std::int64_t khz = 0;
};

// The clock of the CPU that the calling thread is on, by cpufreq's scaling_cur_freq; none where the kernel does not
// tell. Allocates nothing: it is asked between measured runs.
std::optional<CpuClock> cpu_clock();

// Seconds since the device was started, those asleep too (CLOCK_BOOTTIME): what /proc/uptime counts.
double since_boot_s();

}  // namespace deit
