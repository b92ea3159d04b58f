// The processors that this thread, and what it starts from now on, may run on.
#pragma once

#include <string>
#include <string_view>

namespace deit {

// Binds to the processors of a hexadecimal mask ("f0" or "0xf0": processors 4 to 7). Throws Error with
// Code::Usage for a mask that is none, or without a processor that this device has.
void set_cpu_mask(std::string_view mask);

// The mask in force, such as "f0"; "" where the kernel does not tell.
std::string cpu_mask();

}  // namespace deit
