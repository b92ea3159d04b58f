// preprocess_times PICTURE MANIFEST ROUNDS: the processor time of decoding and Preprocessor::run, round by
// round, and how often each run allocates memory. One JSON line, for benchmarks/preprocess.py and the test of
// allocations.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <new>
#include <vector>

#include "file.h"
#include "manifest.h"
#include "preprocessor.h"
#include "whole_picture.h"

namespace {

long allocations = 0;

// Processor time of this thread: other work on the machine does not count.
double milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

template <typename Number>
void print(const char* name, const std::vector<Number>& values) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.6g", i ? ", " : "", double(values[i]));
  std::printf("]");
}

void measure(const char* picture_path, const char* manifest_path, int rounds) {
  const auto data = deit::read_file(picture_path, deit::Code::Picture, std::size_t{1} << 30);
  deit::Preprocessor preprocessor(deit::read_manifest(manifest_path).input);
  std::vector<float> tensor(preprocessor.size());
  std::vector<double> decoding, running;
  std::vector<long> allocated;
  for (int round = 0; round < rounds; ++round) {
    const double start = milliseconds();
    const Picture picture = whole_picture(data);
    decoding.push_back(milliseconds() - start);
    const long before = allocations;
    const double run_start = milliseconds();
    preprocessor.run(picture.pixels(), tensor.data());
    const double took = milliseconds() - run_start;
    allocated.push_back(allocations - before);
    running.push_back(took);
  }
  std::printf("{");
  print("decode_ms", decoding);
  std::printf(", ");
  print("run_ms", running);
  std::printf(", ");
  print("allocations", allocated);
  std::printf("}\n");
}

}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

int main(int count, char** arguments) {
  try {
    const int rounds = count == 4 ? std::atoi(arguments[3]) : 0;
    if (rounds < 1) {
      std::fprintf(stderr, "usage: preprocess_times PICTURE MANIFEST ROUNDS\n");
      return 2;
    }
    measure(arguments[1], arguments[2], rounds);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "preprocess_times: %s\n", error.what());
    return 1;
  }
}
