// Any bytes as a .nb: a network that an engine could load, or an Error with a message of one line.
#include <cstdlib>

#include "error.h"
#include "nb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const deit::NbModel model = deit::read_nb(data, size, "model.nb");
    if (model.targets.empty() || model.header.opt_version.empty()) std::abort();
  } catch (const deit::Error& error) {
    if (error.code() != deit::Code::Model || deit::escaped(error.what()) != error.what()) std::abort();
  }
  return 0;
}
