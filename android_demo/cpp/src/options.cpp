#include "options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <system_error>

#include "bench.h"
#include "error.h"
#include "version.h"

namespace deit {
namespace {

constexpr const char* kAbout =
    "Classifies pictures with a DeiT network in Paddle Lite, or measures how long the network takes.\n"
    "The last line of standard output is one JSON document (schema/output.schema.json).";

constexpr const char* kExamples =
    "Examples:\n"
    "  deit --bundle deit_tiny-digits-int8-arm --image cat.jpg --topk 3\n"
    "  deit --bundle deit_tiny-digits-int8-arm --host --image a.jpg --image b.png\n"
    "  deit --model deit_tiny-digits-int8-arm/model.nb --image cat.jpg\n"
    "  deit --bench --bundle deit_tiny-digits-int8-arm --threads 4 --power-mode high --repeats 100\n\n"
    "Exit codes: 0 done, 2 bad usage, 3 a picture cannot be read (others are classified), 4 bad .nb,\n"
    "5 bad bundle, 6 the engine failed or took too long, 7 the output cannot be written, 130 Ctrl-C (with --bench\n"
    "the runs so far are reported)";

// The command line as it stands, before its parts are checked against each other.
struct Words {
  std::string bundle, model, labels, manifest, tensor, trace_marker, power_mode = "no-bind";
  std::vector<std::string> pictures;
  bool host = false;
};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Code::Usage, why);
}

BundlePaths paths_of(const Words& words) {
  if (!words.bundle.empty()) {
    if (!words.model.empty() || !words.labels.empty() || !words.manifest.empty()) {
      refuse("--bundle has model, labels and manifest: give no --model, --labels or --manifest beside it");
    }
    return bundle_paths(words.bundle, words.host);
  }
  if (words.host) refuse("--host is the host.nb of a bundle: give --bundle");
  if (words.model.empty()) refuse("give --bundle, or --model");
  const std::filesystem::path model = words.model;
  const auto beside = [&](const std::string& given, const char* name, const char* option) {
    if (!given.empty()) return std::filesystem::path(given);
    std::error_code ignored;
    if (!std::filesystem::exists(model, ignored)) {
      throw Error(Code::Model, "cannot read " + words.model + ": no such file");
    }
    const std::filesystem::path path = model.parent_path() / name;
    if (std::filesystem::exists(path, ignored)) return path;
    throw Error(Code::Bundle, std::string("there is no ") + name + " beside " + words.model + ": give " +
                                  option + ", or copy the whole bundle");
  };
  return {model, beside(words.labels, "labels.txt", "--labels"),
          beside(words.manifest, "manifest.json", "--manifest")};
}

void check_together(const Words& words, Options& options) {
  options.paths = paths_of(words);
  options.engine.power_mode = parse_power_mode(words.power_mode);
  options.pictures.assign(words.pictures.begin(), words.pictures.end());
  options.tensor = words.tensor;
  options.trace_marker = words.trace_marker;
  if (!options.pictures.empty() && !options.tensor.empty()) refuse("give --image or --tensor, not both");
  if (options.bench && options.pictures.size() > 1) refuse("--bench runs one picture: give a single --image");
  if (!options.cpu_mask.empty() && options.engine.power_mode != PowerMode::NoBind) {
    refuse("--cpu-mask and --power-mode both choose the cores: give one of them");
  }
  if (options.pictures.empty() && options.tensor.empty()) {
    if (!options.bench || words.bundle.empty())
      refuse("give a picture with --image, or a tensor with --tensor");
    options.pictures = {std::filesystem::path(words.bundle) / "golden.png"};
  }
}

}  // namespace

std::optional<Options> parse_options(int count, const char* const* arguments) {
  Options options;
  Words words;
  CLI::App app(kAbout, "deit");
  app.footer(kExamples);
  app.set_version_flag("--version", DEIT_VERSION);
  app.add_option("--bundle", words.bundle, "Folder made by tools/opt.py")->type_name("DIR");
  app.add_flag("--host", words.host, "Use the bundle's host.nb, for the x86 engine, in place of model.nb");
  app.add_option("--model", words.model, "Network, in place of a bundle's")->type_name("FILE.nb");
  app.add_option("--labels", words.labels, "Classes of --model, one a line; labels.txt beside it by default")
      ->type_name("FILE.txt");
  app.add_option("--manifest", words.manifest, "What --model takes; manifest.json beside it by default")
      ->type_name("FILE.json");
  app.add_option("--image", words.pictures, "JPEG, PNG or WebP picture; more than one can be given")
      ->type_name("FILE");
  app.add_option("--tensor", words.tensor, "Finished input tensor: raw little-endian float32")
      ->type_name("FILE.f32");
  app.add_option("--topk", options.topk, "Classes to show")->check(CLI::Range(1, 1'000'000))->type_name("N");
  app.add_flag("--logits", options.logits, "All logits into the JSON document");
  app.add_option("--threads", options.engine.threads, "Threads of the engine")
      ->check(CLI::Range(1, kMaxThreads))
      ->type_name("N");
  app.add_option("--power-mode", words.power_mode,
                 "Cores of an ARM processor: high, low, full, no-bind, rand-high, rand-low")
      ->type_name("MODE");
  CLI::Option* bench = app.add_flag("--bench", options.bench,
                                    "Measure latency; with a bundle its golden picture if none is given");
  app.add_option("--warmup", options.warmup, "Runs before measuring, after the first")
      ->needs(bench)
      ->check(CLI::Range(0, Bench::kMaxRuns))
      ->type_name("N");
  app.add_option("--repeats", options.repeats, "Measured runs")
      ->needs(bench)
      ->check(CLI::Range(1, Bench::kMaxRuns))
      ->type_name("N");
  app.add_option("--min-seconds", options.min_seconds,
                 "Go on measuring until the runs have taken that long together")
      ->needs(bench)
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("S");
  app.add_option("--cpu-mask", options.cpu_mask, "Processors to run on, such as f0 for 4 to 7")
      ->type_name("HEX");
  app.add_option("--trace-marker", words.trace_marker,
                 "Marks for load, warm-up and runs, for a trace: mostly /sys/kernel/tracing/trace_marker")
      ->type_name("FILE");
  app.add_option("--timeout", options.timeout_s, "Give up after that many seconds; 0: never")
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("S");
  // As of a shell's variable that is not set: it would count as an option that was left out.
  const auto check_given = [](const std::string& value) {
    return value.empty() ? std::string("is empty: give a value, or leave the option out") : std::string();
  };
  for (CLI::Option* option : app.get_options()) option->check(check_given);
  app.get_formatter()->column_width(26);
  try {
    app.parse(count, arguments);
  } catch (const CLI::Success& asked) {
    app.exit(asked, std::cout, std::cout);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    const std::string text = error.what();
    refuse(text.substr(0, text.find('\n')) + "; see deit --help");
  }
  // CLI::Range takes it: it is under no bound and over none.
  if (std::isnan(options.timeout_s)) refuse("--timeout: nan is no number of seconds; see deit --help");
  if (std::isnan(options.min_seconds)) refuse("--min-seconds: nan is no number of seconds; see deit --help");
  check_together(words, options);
  return options;
}

}  // namespace deit
