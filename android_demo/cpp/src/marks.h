// Marks for a trace: what the process is at, in atrace's format, which Perfetto shows as slices.
#pragma once

#include <filesystem>

namespace deit {

// Writes to the kernel's trace_marker, or any file; a default one writes nothing. What cannot be written is
// left out: a trace that ends must not end what it traces.
class Marks {
 public:
  Marks() = default;
  // Throws Error where `path` cannot be opened.
  explicit Marks(const std::filesystem::path& path);
  ~Marks();
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

  void begin(const char* name) const;
  void end() const;

 private:
  int file_ = -1;
};

// A mark as long as the block.
class Mark {
 public:
  Mark(const Marks& marks, const char* name) : marks_(marks) { marks_.begin(name); }
  ~Mark() { marks_.end(); }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

 private:
  const Marks& marks_;
};

}  // namespace deit
