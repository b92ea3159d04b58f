#include "crash.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <string_view>

#include "classifier.h"
#include "error.h"

namespace deit {
namespace {

struct Named {
  int number;
  std::string_view name;
};

constexpr std::array<Named, 5> kSignals = {
    {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"}, {SIGILL, "SIGILL"}}};

// A crash may be that of a stack that is full. Large enough for any processor's registers.
alignas(16) std::array<unsigned char, 64 * 1024> other_stack;

std::atomic_flag told = ATOMIC_FLAG_INIT;

// Only functions that POSIX calls async-signal-safe, and lock-free atomics: the heap may be what is broken.
class Line {
 public:
  void add(std::string_view text) {
    for (const char letter : text) {
      if (size_ < text_.size()) text_[size_++] = letter;
    }
  }

  bool print() const {
    std::size_t done = 0;
    while (done < size_) {
      const ssize_t count = write(STDERR_FILENO, text_.data() + done, size_ - done);
      if (count <= 0) return false;
      done += static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  std::array<char, 512> text_{};
  std::size_t size_ = 0;
};

void on_crash(int number) {
  // Of several threads that crash one speaks, and the process ends with it.
  if (told.test_and_set()) {
    for (;;) pause();
  }
  std::string_view name = "a signal";
  for (const Named& one : kSignals) {
    if (one.number == number) name = one.name;
  }
  Line line;
  const char* step = engine_step();
  if (number == SIGILL) {
    line.add("deit: this processor lacks an instruction that the network or engine was built for (SIGILL); "
             "use another model.nb");
  } else if (step != nullptr && number == SIGABRT) {
    line.add("deit: the engine gave up (SIGABRT) when it was to ");
    line.add(step);
    line.add(" the network; what it said is above");
  } else if (step != nullptr) {
    line.add("deit: the engine crashed (");
    line.add(name);
    line.add(") when it was to ");
    line.add(step);
    line.add(" the network: it is damaged, or not for this engine; make the bundle again with tools/opt.py, or "
             "use another");
  } else {
    line.add("deit: this program crashed (");
    line.add(name);
    line.add("), not the engine: please report it, with the command line and the picture");
  }
  line.add("\n");
  _exit(static_cast<int>(line.print() ? Code::Engine : Code::Output));
}

}  // namespace

void tell_crashes() {
  stack_t stack{};
  stack.ss_sp = other_stack.data();
  stack.ss_size = other_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const Named& one : kSignals) sigaction(one.number, &action, nullptr);
}

}  // namespace deit
