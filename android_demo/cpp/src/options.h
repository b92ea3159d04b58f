// What the command line asks for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "classifier.h"
#include "picture_classifier.h"

namespace deit {

struct Options {
  BundlePaths paths;
  EngineOptions engine;
  std::vector<std::filesystem::path> pictures;  // at least one unless there is a tensor
  std::filesystem::path tensor;                 // raw float32, in place of pictures; "" for none
  int topk = 5;
  bool logits = false;
  bool bench = false;
  int warmup = 10;
  int repeats = 50;
  double min_seconds = 0;  // measured runs go on until they have taken that long together
  std::string cpu_mask;  // hexadecimal; "" to leave it as it is
  double timeout_s = 0;  // 0: none
  std::filesystem::path trace_marker;  // gets marks for a trace; "" for none
};

// Reads the command line; none when it only asked for help or the version, which has then been printed.
// Throws Error with Code::Usage, or Code::Bundle for a --bundle that is none.
std::optional<Options> parse_options(int count, const char* const* arguments);

}  // namespace deit
