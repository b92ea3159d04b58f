#include "picture_classifier.h"

#include <cmath>
#include <cstring>
#include <system_error>

#include "error.h"
#include "file.h"
#include "labels.h"
#include "stopwatch.h"

namespace deit {
namespace {

// The largest DeiT has 350 MB in fp32.
constexpr std::size_t kModelLimit = std::size_t{1} << 30;

std::string text_of(const std::array<int, 4>& shape) {
  std::string text;
  for (const int side : shape) text += (text.empty() ? "[" : ", ") + std::to_string(side);
  return text + "]";
}

}  // namespace

BundlePaths bundle_paths(const std::filesystem::path& folder, bool host) {
  BundlePaths paths{folder / (host ? "host.nb" : "model.nb"), folder / "labels.txt",
                    folder / "manifest.json"};
  std::error_code ignored;
  if (!std::filesystem::exists(paths.manifest, ignored)) {
    const bool there = std::filesystem::is_directory(folder, ignored);
    throw Error(Code::Bundle, folder.string() + " is not a bundle: " +
                                  (there ? "it has no manifest.json" : "there is no such folder") +
                                  "; make one with tools/opt.py");
  }
  return paths;
}

PictureClassifier::PictureClassifier(const BundlePaths& paths, const EngineOptions& options)
    : folder_(paths.manifest.parent_path()),
      manifest_(read_manifest(paths.manifest)),
      labels_(read_labels_of(paths.labels)),
      preprocessor_(manifest_.input),
      classifier_(load(paths.model, options)) {}

void PictureClassifier::check_own(const std::filesystem::path& path,
                                  const std::vector<std::uint8_t>& bytes) {
  if (path.parent_path() != folder_ || manifest_.files.count(path.filename().string()) == 0) return;
  std::vector<std::string> unknown;
  compare(path, bytes, manifest_, Code::Bundle, unknown);
}

std::vector<std::string> PictureClassifier::read_labels_of(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path, Code::Bundle, kMaxText);
  compare(path, bytes, manifest_, Code::Bundle, unknown_);
  return parse_labels(bytes, path.string(), manifest_.classes);
}

Classifier PictureClassifier::load(const std::filesystem::path& path, EngineOptions options) {
  Stopwatch watch;
  const std::string name = path.string();
  const std::vector<std::uint8_t> bytes = read_file(path, Code::Model, kModelLimit);
  model_bytes_ = bytes.size();
  compare(path, bytes, manifest_, Code::Model, unknown_);
  options.gpu_fp16 = manifest_.precision == "fp16";
  Classifier classifier(bytes, name, options, manifest_.arm_fp16);
  if (classifier.shape() != manifest_.input.shape) {
    throw Error(Code::Model, name + " takes a tensor of " + text_of(classifier.shape()) +
                                 " but the manifest says " + text_of(manifest_.input.shape) +
                                 ": they are of different bundles");
  }
  load_ms_ = watch.lap();
  return classifier;
}

void PictureClassifier::set_picture(const Pixels& pixels) {
  preprocessor_.run(pixels, classifier_.input());
}

void PictureClassifier::set_tensor(const std::vector<std::uint8_t>& bytes) {
  const std::size_t count = classifier_.input_size();
  if (bytes.size() != count * sizeof(float)) {
    throw Error(Code::Picture, "the tensor has " + std::to_string(bytes.size()) +
                                   " bytes where the network takes " + std::to_string(count) +
                                   " float32 values: " + text_of(classifier_.shape()));
  }
  float* input = classifier_.input();
  std::memcpy(input, bytes.data(), bytes.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(input[i])) {
      throw Error(Code::Picture, "the tensor's value " + std::to_string(i) + " is NaN or infinite");
    }
  }
}

Floats PictureClassifier::logits() {
  const Floats logits = classifier_.logits();
  if (logits.size != labels_.size()) {
    throw Error(Code::Bundle, "the network has " + std::to_string(logits.size) + " classes but there are " +
                                  std::to_string(labels_.size()) + " labels: they are of different bundles");
  }
  return logits;
}

}  // namespace deit
