// Ctrl-C during a measurement: what is measured so far is worth keeping.
#pragma once

namespace deit {

// From now on the first SIGINT only notes that it came; a second one ends the process as usual.
void catch_interrupt();

// Whether it came.
bool is_interrupted();

}  // namespace deit
