// The folder that tools/export.py --format inference makes: a program of Paddle Inference, and its export.json.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "manifest.h"

namespace deit {

struct Exported {
  std::filesystem::path program;     // model.pdmodel
  std::filesystem::path parameters;  // model.pdiparams
  std::vector<std::string> labels;   // in the order of the logits
  Input input;
};

// Reads a folder. Throws Error with Code::Bundle for one that is not whole, is for another engine or another
// version, or whose export.json holds a value that does not fit.
Exported read_exported(const std::filesystem::path& folder);

}  // namespace deit
