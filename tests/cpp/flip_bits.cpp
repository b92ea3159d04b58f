// flip_bits BUNDLE FIRST COUNT [SECONDS]: opens the bundle's host.nb with one bit of its topology flipped and runs
// it, COUNT times (fewer after SECONDS) with the seeds FIRST, FIRST + 1, and so on, each in a process of its own.
// Prints one line each: seed, byte, bit, how it ended (its exit code, or the signal with a minus), its last line.
//
// The topology is what stands before the parameters: a damaged one sends the engine anywhere.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <string>

#include "classifier.h"
#include "crash.h"
#include "error.h"
#include "file.h"
#include "manifest.h"
#include "nb.h"

namespace {

// A flipped dimension may ask for any memory, or any time.
constexpr rlim_t kMemory = rlim_t{8} << 30;
constexpr unsigned kSeconds = 20;

int open_and_run(const std::filesystem::path& path, const deit::Manifest& manifest,
                 const std::vector<std::uint8_t>& bytes) {
  try {
    std::vector<std::string> unknown;
    deit::compare(path, bytes, manifest, deit::Code::Model, unknown);
    deit::Classifier classifier(bytes, "host.nb", {});
    classifier.run();
    classifier.logits();
    return 0;
  } catch (const deit::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "out of memory\n");
    return static_cast<int>(deit::Code::Engine);
  }
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t before = text.rfind('\n', end);
  return text.substr(before == std::string::npos ? 0 : before + 1, end - (before == std::string::npos ? 0 : before + 1) + 1);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  const std::filesystem::path path = std::filesystem::path(arguments[1]) / "host.nb";
  const deit::Manifest manifest = deit::read_manifest(path.parent_path() / "manifest.json");
  std::vector<std::uint8_t> bytes = deit::read_file(path, deit::Code::Model, std::size_t{1} << 30);
  const std::size_t first = 0, last = deit::kNbHeaderBytes + deit::read_nb_header(bytes.data(), bytes.size()).program_bytes;
  const unsigned long start = std::strtoul(arguments[2], nullptr, 10), runs = std::strtoul(arguments[3], nullptr, 10);
  const double seconds = count > 4 ? std::atof(arguments[4]) : 1e9;
  const auto began = std::chrono::steady_clock::now();
  for (unsigned long seed = start; seed < start + runs; ++seed) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() > seconds) break;
    std::mt19937_64 random(seed);
    const std::size_t at = first + random() % (last - first);
    const unsigned bit = random() % 8;
    int ends[2];
    if (pipe(ends) != 0) return 1;
    const pid_t child = fork();
    if (child == 0) {
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]), close(ends[1]);
      const rlimit memory{kMemory, kMemory};
      setrlimit(RLIMIT_AS, &memory);
      alarm(kSeconds);
      deit::tell_crashes();
      bytes[at] ^= static_cast<std::uint8_t>(1U << bit);
      _exit(open_and_run(path, manifest, bytes));
    }
    close(ends[1]);
    std::string said;
    char block[4096];
    for (ssize_t got; (got = read(ends[0], block, sizeof block)) > 0;) said.append(block, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    const int ended = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    std::printf("%lu %zu %u %d %s\n", seed, at, bit, ended, last_line(said).c_str());
    std::fflush(stdout);
  }
  return 0;
}
