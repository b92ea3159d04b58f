// The bundle's manifest.json, checked: what the network wants as input, and what the bundle says of itself.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"

namespace deit {

// How a picture becomes the input tensor: float32, NCHW, RGB.
struct Input {
  std::array<int, 4> shape;   // batch (1), channels (3), height and width (both equal to crop)
  int resize_short = 0;       // pixels of the short side after resizing
  int crop = 0;               // pixels of the centre square, a quarter of resize_short to all of it
  std::array<float, 3> mean;  // red, green, blue on the 0-1 scale, 0 to 1
  std::array<float, 3> std;   // the same, 0.001 to 1
};

// How far the deployed network's logits are from the reference's, over a set of pictures.
struct Drift {
  double cosine_mean = 0;
  double top1_agreement = 0;  // share of pictures with the same first class
};

struct BundleFile {
  std::uint64_t bytes = 0;
  std::optional<std::string> sha256;  // 64 hexadecimal digits, lower case; none in older bundles
};

struct Manifest {
  std::string model;
  std::string precision;                   // fp32, fp16, int8 or int8-fp16
  std::string target;                      // arm, opencl or x86
  bool arm_fp16 = false;                   // `requires`: model.nb needs asimdhp and the arm82_fp16 release
  int classes = 0;                         // logits of the network, at least 1
  std::optional<std::string> recipe;       // its name; none for fp32 and fp16
  std::optional<Drift> drift;
  std::map<std::string, BundleFile> files;  // plain names, none of which leads out of the bundle
  Input input;
};

// Reads the text of a manifest.json, by the rules of lite/manifest.py as far as it is read. Throws Error with
// Code::Bundle, naming the field, for what is no JSON, is of another schema version, lacks a field read here, requires
// what this program does not know, or holds a value that does not fit; fields that are not read here may be anything.
Manifest parse_manifest(std::string_view json);

// The same from a file of at most 16 MiB; messages name it.
Manifest read_manifest(const std::filesystem::path& path);

// Compares the bytes of the bundle's file `path` with the manifest's size and SHA-256 of its name, before anything reads
// what is in them. Throws Error with `on_error` if they differ. Adds the name to `unknown` if there is no SHA-256 of it:
// the manifest is an older one, or the file is of no bundle.
void compare(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes,
             const Manifest& manifest, Code on_error, std::vector<std::string>& unknown);

}  // namespace deit
