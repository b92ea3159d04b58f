// core_measures BUNDLE PICTURE [allocate]: what the core reads and allocates, as one JSON line, for
// test_bench.py. With "allocate" the measured loops also allocate themselves, which must then be counted.
#include <dlfcn.h>
#include <execinfo.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "bench.h"
#include "picture_classifier.h"
#include "whole_picture.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<long> ours{0};
std::atomic<long> engines{0};
thread_local bool inside = false;

bool is_engine(const void* address) {
  Dl_info info;
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return false;
  for (const char* name : {"liblite_pybind", "libiomp5", "libmklml"}) {
    if (std::strstr(info.dli_fname, name) != nullptr) return true;
  }
  return false;
}

// Whose allocation this is: the engine's if it is anywhere among the callers.
void count() {
  if (!counting || inside) return;
  inside = true;
  void* frames[64];
  const int depth = backtrace(frames, 64);
  bool engine = false;
  for (int i = 0; i < depth && !engine; ++i) engine = is_engine(frames[i]);
  ++(engine ? engines : ours);
  inside = false;
}

}  // namespace

// glibc's own, under the names that it keeps for replacements.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t items, std::size_t size) {
  count();
  return __libc_calloc(items, size);
}
void* realloc(void* memory, std::size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  count();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? 12 : 0;
}
}

namespace {

// Bytes that this process has read from files so far.
long long bytes_read() {
  std::ifstream io("/proc/self/io");
  std::string field;
  long long value = 0;
  io >> field >> value;
  return field == "rchar:" ? value : -1;
}

template <typename Loop>
std::string allocations(Loop loop) {
  ours = engines = 0;
  counting = true;
  loop();
  counting = false;
  return "{\"ours\": " + std::to_string(ours) + ", \"engine\": " + std::to_string(engines) + "}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const bool allocate = argc > 3 && std::strcmp(argv[3], "allocate") == 0;
  void* frames[1];
  backtrace(frames, 1);  // loads what it needs
  const long long before = bytes_read();
  deit::PictureClassifier core(deit::bundle_paths(argv[1], true), {});
  const long long read = bytes_read() - before;

  const Picture picture = whole_picture(deit::read_picture_file(argv[2]));
  core.set_picture(picture.pixels());
  const float* input = core.classifier().input();
  deit::Bench bench(core.classifier(), 1, 5);
  bench.warm_up();
  const float* output = core.logits().data;
  const auto extra = [&] {
    // Through a volatile pointer, or the compiler leaves both out.
    void* (*volatile get)(std::size_t) = std::malloc;
    if (allocate) std::free(get(100));
  };
  const std::string in_bench = allocations([&] {
    bench.measure();
    extra();
  });
  const std::string in_pictures = allocations([&] {
    for (int i = 0; i < 3; ++i) {
      core.set_picture(picture.pixels());
      core.classifier().run();
      core.logits();
      extra();
    }
  });
  const bool in_place = core.classifier().input() == input && core.logits().data == output;
  std::printf(
      "{\"bytes_read\": %lld, \"model_bytes\": %zu, \"in_bench\": %s, \"in_pictures\": %s, \"in_place\": "
      "%s}\n",
      read, core.model_bytes(), in_bench.c_str(), in_pictures.c_str(), in_place ? "true" : "false");
  return 0;
}
