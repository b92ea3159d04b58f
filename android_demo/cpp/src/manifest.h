// The bundle's manifest.json, checked: what the network wants as input, and what the bundle says of itself.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace deit {

// How a picture becomes the input tensor: float32, NCHW, RGB.
struct Input {
  std::string name;
  std::array<int, 4> shape;   // batch (1), channels (3), height and width (both equal to crop)
  int resize_short = 0;       // pixels of the short side after resizing
  int crop = 0;               // pixels of the centre square, a quarter of resize_short to all of it
  std::array<float, 3> mean;  // red, green, blue on the 0-1 scale, 0 to 1
  std::array<float, 3> std;   // the same, 0.001 to 1
};

// How far the deployed network's logits are from the reference's, over a set of pictures.
struct Drift {
  std::int64_t images = 0;
  std::string reference;
  double cosine_mean = 0;
  double cosine_min = 0;
  double snr_db = 0;
  double top1_agreement = 0;
  std::optional<double> top1_reference;
  std::optional<double> top1_deployed;
  double max_abs = 0;  // in logits
};

struct BundleFile {
  std::uint64_t bytes = 0;
  std::optional<std::string> sha256;  // 64 hexadecimal digits, lower case; none in older bundles
};

struct Manifest {
  int schema = 0;
  std::string model;
  std::string precision;                   // fp32, fp16, int8 or int8-fp16
  std::string target;                      // arm, opencl or x86
  bool arm_fp16 = false;                   // `requires`: model.nb needs asimdhp and the arm82_fp16 release
  int classes = 0;                         // logits of the network, at least 1
  std::optional<std::string> opt_version;  // of the paddlelite that made the .nb files, such as "2.13rc0"
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

}  // namespace deit
