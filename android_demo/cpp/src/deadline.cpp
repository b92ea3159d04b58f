#include "deadline.h"

#include <unistd.h>

#include <utility>

#include "error.h"

namespace deit {

Deadline::Deadline(std::chrono::duration<double> limit, std::string message)
    : message_(std::move(message) + "\n"), thread_([this, limit] { wait(limit); }) {}

Deadline::~Deadline() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Deadline::wait(std::chrono::duration<double> limit) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (changed_.wait_for(lock, limit, [this] { return done_; })) return;
  // No destructors: the engine is still at work in the other thread.
  if (write(STDERR_FILENO, message_.data(), message_.size()) < 0) _exit(static_cast<int>(Code::Output));
  _exit(static_cast<int>(Code::Engine));
}

}  // namespace deit
