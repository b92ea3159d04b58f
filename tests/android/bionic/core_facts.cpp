// core_facts FOLDER: what the core makes of a bundle's manifest.json, labels.txt and .nb, of the numbers in
// samples.f64 and of the logits in logits.f32, to the last bit; of what it refuses, the message.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "error.h"
#include "file.h"
#include "labels.h"
#include "manifest.h"
#include "nb.h"
#include "sha256.h"
#include "statistics.h"
#include "topk.h"

namespace {

using namespace deit;

constexpr std::size_t kLimit = std::size_t{1} << 28;

template <typename Number>
std::vector<Number> numbers(const std::filesystem::path& path) {
  const auto bytes = read_file(path, Code::Picture, kLimit);
  std::vector<Number> values(bytes.size() / sizeof(Number));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(Number));
  return values;
}

// Does something, and prints why if it is refused.
template <typename Step>
void step(const char* name, Step step) {
  try {
    step();
  } catch (const Error& error) {
    std::printf("%s: refused (%d): %s\n", name, static_cast<int>(error.code()), error.what());
  }
}

void print_manifest(const Manifest& manifest) {
  const Input& input = manifest.input;
  std::printf("manifest %s %s %s %d classes, %d of %d", manifest.model.c_str(), manifest.precision.c_str(),
              manifest.target.c_str(), manifest.classes, input.crop, input.resize_short);
  for (std::size_t c = 0; c < 3; ++c) std::printf(", %a %a", double(input.mean[c]), double(input.std[c]));
  if (manifest.drift) std::printf(", drift %a %a", manifest.drift->cosine_mean, manifest.drift->top1_agreement);
  std::printf(", %zu files\n", manifest.files.size());
}

void print_nb(const std::filesystem::path& path, const Manifest& manifest) {
  const auto bytes = read_file(path, Code::Model, kLimit);
  std::printf("sha256 %s\n", sha256(bytes.data(), bytes.size()).c_str());
  std::vector<std::string> unknown;
  compare(path, bytes, manifest, Code::Model, unknown);
  const NbModel model = read_nb(bytes.data(), bytes.size(), path.filename().string());
  std::printf("nb %s, input %s, %zu parameters, %" PRIu64 " bytes of program", model.header.opt_version.c_str(),
              model.input.c_str(), model.params, model.header.program_bytes);
  for (const auto& target : model.targets) std::printf(", %s", target.c_str());
  for (const auto side : model.shape) std::printf(" %" PRId64, side);
  std::printf("\n");
}

void print_numbers(const std::filesystem::path& folder) {
  const Statistics found = summarize(numbers<double>(folder / "samples.f64"));
  std::printf("statistics %a %a %a %a %a %a %a\n", found.mean, found.p50, found.p90, found.p99, found.min,
              found.max, found.stddev);
  const std::vector<float> logits = numbers<float>(folder / "logits.f32");
  for (const Guess& guess : top_k({logits.data(), logits.size()}, 5)) {
    std::printf("class %d %a %a\n", guess.index, double(guess.logit), guess.probability);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const std::filesystem::path folder = arguments[1];
  step("manifest", [&] {
    const Manifest manifest = read_manifest(folder / "manifest.json");
    print_manifest(manifest);
    step("labels", [&] {
      for (const auto& label : read_labels(folder / "labels.txt", manifest.classes)) {
        std::printf("label %s\n", label.c_str());
      }
    });
    for (const char* name : {"model.nb", "host.nb"}) step(name, [&] { print_nb(folder / name, manifest); });
  });
  step("numbers", [&] { print_numbers(folder); });
  return 0;
}
