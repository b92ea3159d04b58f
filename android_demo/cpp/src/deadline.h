// Ends this process when it takes too long: an engine that hangs cannot be told to stop.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace deit {

// While it lives, a thread waits beside; if it still does when the time is over, it prints `message` as one
// line on standard error and ends the process with Code::Engine.
class Deadline {
 public:
  Deadline(std::chrono::duration<double> limit, std::string message);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();

 private:
  void wait(std::chrono::duration<double> limit);

  const std::string message_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace deit
