#include "exported.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "error.h"
#include "file.h"
#include "labels.h"

namespace deit {
namespace {

constexpr std::size_t kMaxExport = std::size_t{1} << 20;
constexpr int kMaxSide = 4096;
constexpr int kMaxClasses = 1'000'000;

Error damaged(const std::filesystem::path& folder, const std::string& why) {
  return {Code::Bundle,
          folder.string() + " holds no program for this: " + why +
              "; make it with tools/export.py --format inference"};
}

Input read_input(const nlohmann::json& entry) {
  Input input;
  static_cast<void>(entry.at("name").get<std::string>());
  entry.at("resize_short").get_to(input.resize_short);
  entry.at("crop").get_to(input.crop);
  entry.at("mean").get_to(input.mean);
  entry.at("std").get_to(input.std);
  input.shape = {1, 3, input.crop, input.crop};
  return input;
}

bool fits(const Input& input) {
  return input.crop >= 1 && input.crop <= input.resize_short && input.resize_short <= kMaxSide &&
         std::all_of(input.std.begin(), input.std.end(), [](float value) { return value > 0; });
}

}  // namespace

Exported read_exported(const std::filesystem::path& folder) {
  Exported found{folder / "model.pdmodel", folder / "model.pdiparams", {}, {}};
  std::error_code ignored;
  for (const std::filesystem::path& path : {folder / "export.json", found.program, found.parameters}) {
    if (!std::filesystem::is_regular_file(path, ignored)) {
      throw damaged(folder, path.filename().string() + " is missing");
    }
  }
  const std::vector<std::uint8_t> text = read_file(folder / "export.json", Code::Bundle, kMaxExport);
  int classes = 0;
  try {
    const nlohmann::json document = nlohmann::json::parse(text.begin(), text.end());
    if (document.at("schema") != 1 || document.at("format") != "inference") {
      throw damaged(folder, "export.json is of another version or for another engine");
    }
    document.at("weights").at("classes").get_to(classes);
    found.input = read_input(document.at("input"));
    if (!fits(found.input) || classes < 1 || classes > kMaxClasses ||
        document.at("input").at("interpolation") != "bicubic") {
      throw damaged(folder, "export.json holds values that do not fit");
    }
  } catch (const nlohmann::json::exception& error) {
    throw damaged(folder, std::string("export.json was edited (") + error.what() + ")");
  }
  found.labels = read_labels(folder / "labels.txt", classes);
  return found;
}

}  // namespace deit
