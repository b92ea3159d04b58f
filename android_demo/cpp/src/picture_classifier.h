// A bundle at work: a picture in, its likeliest classes out. What the command line and the C boundary share.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "classifier.h"
#include "floats.h"
#include "manifest.h"
#include "pixels.h"
#include "preprocessor.h"
#include "topk.h"

namespace deit {

struct BundlePaths {
  std::filesystem::path model;
  std::filesystem::path labels;
  std::filesystem::path manifest;
};

// Where a bundle's parts are; with `host` its network for the x86 engine, host.nb. Throws Error with
// Code::Bundle if `folder` is no folder with a manifest.json.
BundlePaths bundle_paths(const std::filesystem::path& folder, bool host);

// One object belongs to one thread at a time.
class PictureClassifier {
 public:
  // Loads manifest, labels and network, and checks that they belong together. Throws Error with Code::Bundle
  // or Code::Model for parts that are missing, damaged (their SHA-256 is not the manifest's) or of different
  // bundles, and what Classifier throws.
  PictureClassifier(const BundlePaths& paths, const EngineOptions& options);

  // Compares a file that was read with the manifest if it is one of this bundle, such as golden.png. Throws
  // Error with Code::Bundle if it is another.
  void check_own(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes);

  // Writes a picture as the network wants it into the engine's input tensor. Throws Error with Code::Picture
  // as Preprocessor does.
  void set_picture(const Pixels& pixels);

  // The same with a finished tensor: `bytes` are little-endian float32, NCHW, as many as the network takes.
  // Throws Error with Code::Picture if they are not, or not finite.
  void set_tensor(const std::vector<std::uint8_t>& bytes);

  // The logits of the last run, one for each label. Throws Error as Classifier does, and with Code::Bundle if
  // the network has another number of classes than the bundle has labels.
  Floats logits();

  const Manifest& manifest() const noexcept { return manifest_; }
  const std::vector<std::string>& labels() const noexcept { return labels_; }

  // Names of files that were not compared, since the manifest has no SHA-256 of them.
  const std::vector<std::string>& unknown() const noexcept { return unknown_; }
  Classifier& classifier() noexcept { return classifier_; }

  // What makes the engine's input, classifier().input(), of a picture.
  Preprocessor& preprocessor() noexcept { return preprocessor_; }

  // Milliseconds that reading, checking and loading the .nb took.
  double load_ms() const noexcept { return load_ms_; }

  // Bytes of the .nb.
  std::size_t model_bytes() const noexcept { return model_bytes_; }

 private:
  std::vector<std::string> read_labels_of(const std::filesystem::path& path);
  Classifier load(const std::filesystem::path& path, EngineOptions options);

  std::filesystem::path folder_;
  Manifest manifest_;
  std::vector<std::string> unknown_;
  std::vector<std::string> labels_;
  Preprocessor preprocessor_;
  double load_ms_ = 0;
  std::size_t model_bytes_ = 0;
  Classifier classifier_;
};

}  // namespace deit
