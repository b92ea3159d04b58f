// What can go wrong in the core, as one exception class: a code, which is also the command's exit code, and a
// message of one printable line that says what happened, why, and what to do about it.
#pragma once

#include <stdexcept>
#include <string>

#include "shown.h"

namespace deit {

// 0 is success. The numbers are part of the command line's and the C boundary's interface.
enum class Code : int { Usage = 2, Picture = 3, Model = 4, Bundle = 5, Engine = 6, Output = 7 };

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(printable(message)), code_(code) {}

  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

}  // namespace deit
