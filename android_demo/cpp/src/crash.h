// A crash of the engine told in one line, in place of a bare "Segmentation fault".
#pragma once

namespace deit {

// From now on SIGSEGV, SIGBUS, SIGFPE, SIGABRT and SIGILL write one line to standard error and end the
// process with Code::Engine's number. Whose fault it is the line tells by Classifier's engine_step.
void tell_crashes();

}  // namespace deit
