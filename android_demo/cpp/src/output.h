// Standard output that cannot be written is an error, not a success that nobody sees.
#pragma once

#include <iostream>

#include "error.h"

namespace deit {

// Writes what standard output still holds. Throws Error if this or anything before could not be written.
inline void flush_output() {
  if (!std::cout.flush()) {
    throw Error(Code::Output, "standard output cannot be written: is the disk full, the pipe closed?");
  }
}

}  // namespace deit
