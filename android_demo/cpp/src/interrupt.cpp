#include "interrupt.h"

#include <csignal>

namespace deit {
namespace {

volatile std::sig_atomic_t came = 0;

}  // namespace

void catch_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { came = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool is_interrupted() {
  return came != 0;
}

}  // namespace deit
