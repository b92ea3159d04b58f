// What every core of this processor can do, as the kernel tells it.
#pragma once

namespace deit {

// Whether every core computes in half precision: `asimdhp` of ARMv8.2. False on processors other than ARM's, and where
// the kernel does not tell, as older ones do not tell programs of 32 bits.
bool has_asimdhp();

}  // namespace deit
