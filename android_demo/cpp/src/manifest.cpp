#include "manifest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "error.h"
#include "file.h"
#include "sha256.h"
#include "shown.h"

namespace deit {
namespace {

using nlohmann::json;

constexpr int kSchema = 1;
// Far above any DeiT (438), far below what would overflow or fill the memory.
constexpr int kMaxSide = 4096;
constexpr int kMaxClasses = 10'000'000;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(Code::Bundle, "manifest.json: " + where + ": " + what +
                                "; it was edited or is no manifest: make the bundle again with tools/opt.py");
}

// For a bundle that requires what this program cannot ask for.
[[noreturn]] void refuse_newer(const std::string& where, const std::string& what) {
  throw Error(Code::Bundle, "manifest.json: " + where + ": " + what +
                                ", which this program does not know: the bundle is newer than it; take the "
                                "program of the bundle's version, or make the bundle with this version's "
                                "tools/opt.py");
}

// A field of an object, whose path `where` goes into messages.
struct Field {
  const json& value;
  std::string where;

  Field operator[](const char* key) const {
    if (!value.is_object()) refuse(where, "must be an object");
    const auto found = value.find(key);
    const std::string path = where == "top level" ? key : where + "/" + key;
    if (found == value.end()) refuse(path, "is missing");
    return {*found, path};
  }

  Field operator[](std::size_t index) const { return {value[index], where + "/" + std::to_string(index)}; }

  bool is_null() const { return value.is_null(); }

  std::string text() const {
    if (!value.is_string()) refuse(where, "must be a string");
    auto found = value.get<std::string>();
    if (found.empty()) refuse(where, "must not be empty");
    return found;
  }

  std::string one_of(std::initializer_list<const char*> choices) const {
    const std::string found = value.is_string() ? value.get<std::string>() : "";
    std::string all;
    for (const char* choice : choices) {
      if (found == choice) return found;
      all += (all.empty() ? "" : ", ") + std::string(choice);
    }
    refuse(where, (choices.size() == 1 ? "must be " : "must be one of ") + all);
  }

  std::int64_t integer(std::int64_t least, std::int64_t most) const {
    // JSON Schema's integer: 224.0 is one, too.
    if (value.is_number_float()) {
      const double number = value.get<double>();
      if (number == std::floor(number) && number >= double(least) && number <= double(most)) {
        return static_cast<std::int64_t>(number);
      }
    } else if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(most) && std::int64_t(number) >= least)
        return std::int64_t(number);
    } else if (value.is_number_integer()) {
      const auto number = value.get<std::int64_t>();
      if (number >= least && number <= most) return number;
    }
    if (least == most) refuse(where, "must be " + std::to_string(least));
    refuse(where, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }

  double number() const {
    if (!value.is_number()) refuse(where, "must be a number");
    return value.get<double>();
  }

  const Field& array(std::size_t length) const {
    if (!value.is_array() || value.size() != length) {
      refuse(where, "must be an array of " + std::to_string(length));
    }
    return *this;
  }

  // Red, green, blue, each from `least`, which is called `words`, to 1.
  std::array<float, 3> rgb(double least, const char* words) const {
    array(3);
    std::array<float, 3> channels{};
    for (std::size_t c = 0; c < 3; ++c) {
      const Field channel = (*this)[c];
      const double number = channel.value.is_number() ? channel.value.get<double>() : -1;
      if (!(number >= least && number <= 1)) {
        refuse(channel.where, std::string("must be a number from ") + words + " to 1");
      }
      channels[c] = static_cast<float>(number);
    }
    return channels;
  }
};

Input read_input(const Field& field) {
  Input input;
  field["name"].text();
  input.resize_short = static_cast<int>(field["resize_short"].integer(1, kMaxSide));
  // What is left of the picture is a good part of it.
  input.crop = static_cast<int>(field["crop"].integer((input.resize_short + 3) / 4, input.resize_short));
  const Field shape = field["shape"];
  shape.array(4);
  const std::array<int, 4> expected = {1, 3, input.crop, input.crop};
  for (std::size_t i = 0; i < 4; ++i) {
    input.shape[i] = static_cast<int>(shape[i].integer(expected[i], expected[i]));
  }
  field["layout"].one_of({"NCHW"});
  field["colour"].one_of({"RGB"});
  field["interpolation"].one_of({"bicubic"});
  input.mean = field["mean"].rgb(0, "0");
  input.std = field["std"].rgb(0.001, "0.001");
  return input;
}

bool is_plain_name(const std::string& name) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !name.empty() && letters.find(name[0]) != std::string::npos &&
         name.find_first_not_of(letters + ".-") == std::string::npos;
}

std::map<std::string, BundleFile> read_files(const Field& field) {
  if (!field.value.is_object()) refuse(field.where, "must be an object");
  std::map<std::string, BundleFile> files;
  for (const auto& item : field.value.items()) {
    if (!is_plain_name(item.key())) refuse(field.where, "has a name that is no plain file name");
    const Field entry{item.value(), field.where + "/" + item.key()};
    BundleFile file;
    file.bytes =
        static_cast<std::uint64_t>(entry["bytes"].integer(0, std::numeric_limits<std::int64_t>::max()));
    const auto sha256 = entry.value.find("sha256");
    if (sha256 != entry.value.end() && !sha256->is_null()) {
      file.sha256 = sha256->is_string() ? sha256->get<std::string>() : "";
      if (file.sha256->size() != 64 ||
          file.sha256->find_first_not_of("0123456789abcdef") != std::string::npos) {
        refuse(entry.where + "/sha256", "must be 64 hexadecimal digits, lower case");
      }
    }
    files.emplace(item.key(), std::move(file));
  }
  return files;
}

// `requires` names all that it can name until now, and nothing else.
void check_requires(const Field& field) {
  constexpr std::array<std::array<const char*, 2>, 2> known = {
      {{"cpu", "asimdhp"}, {"release", "arm82_fp16"}}};
  for (const auto& [key, value] : known) {
    const Field entry = field[key];
    if (entry.text() == value) continue;
    refuse_newer(entry.where, std::string("must be ") + value + ", is " + deit::quoted(entry.text()));
  }
  for (const auto& item : field.value.items()) {
    const auto is_it = [&](const auto& one) { return item.key() == one[0]; };
    if (std::none_of(known.begin(), known.end(), is_it)) {
      refuse_newer(field.where, "has " + deit::quoted(item.key()));
    }
  }
}

json parse_json(std::string_view text) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    refuse("top level", "is no JSON (at byte " + std::to_string(error.byte) + ")");
  } catch (const json::out_of_range&) {
    refuse("top level", "holds a number beyond float64");
  }
}

}  // namespace

Manifest parse_manifest(std::string_view text) {
  const json document = parse_json(text);
  const Field top{document, "top level"};
  Manifest manifest;
  const auto schema = top["schema"].integer(0, std::numeric_limits<int>::max());
  if (schema != kSchema) {
    throw Error(Code::Bundle, "manifest.json is of schema " + std::to_string(schema) +
                                  ", this program reads " + std::to_string(kSchema) +
                                  ": build the demo and make the bundle from one version");
  }
  manifest.model = top["model"].text();
  manifest.precision = top["precision"].one_of({"fp32", "fp16", "int8", "int8-fp16"});
  manifest.target = top["target"].one_of({"arm", "opencl", "x86"});
  // Bundles made before it have none.
  const auto required = document.find("requires");
  manifest.arm_fp16 = required != document.end() && !required->is_null();
  if (manifest.arm_fp16) check_requires({*required, "requires"});
  manifest.classes = static_cast<int>(top["weights"]["classes"].integer(1, kMaxClasses));
  const Field recipe = top["recipe"];
  if (!recipe.is_null()) manifest.recipe = recipe["name"].text();
  const Field drift = top["drift"];
  if (!drift.is_null()) {
    manifest.drift = Drift{drift["cosine_mean"].number(), drift["top1_agreement"].number()};
  }
  manifest.files = read_files(top["files"]);
  manifest.input = read_input(top["input"]);
  return manifest;
}

Manifest read_manifest(const std::filesystem::path& path) {
  const auto data = read_file(path, Code::Bundle, kMaxText);
  try {
    return parse_manifest({reinterpret_cast<const char*>(data.data()), data.size()});
  } catch (const Error& error) {
    throw Error(error.code(), path.string() + " cannot be used: " + error.what());
  }
}

void compare(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes,
             const Manifest& manifest, Code on_error, std::vector<std::string>& unknown) {
  const std::string name = path.filename().string();
  const auto listed = manifest.files.find(name);
  if (listed != manifest.files.end() && listed->second.bytes != bytes.size()) {
    throw Error(on_error, path.string() + " has " + std::to_string(bytes.size()) +
                              " bytes where the manifest says " + std::to_string(listed->second.bytes) +
                              ": copy the bundle again");
  }
  if (listed == manifest.files.end() || !listed->second.sha256) {
    unknown.push_back(name);
  } else if (sha256(bytes.data(), bytes.size()) != *listed->second.sha256) {
    throw Error(on_error, path.string() +
                              " is not the file of its manifest (SHA-256 differs): copy the bundle again");
  }
}

}  // namespace deit
