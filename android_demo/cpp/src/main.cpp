// deit: classifies pictures with a bundle, or measures how long its network takes. See `deit --help`.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <new>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "affinity.h"
#include "bench.h"
#include "crash.h"
#include "deadline.h"
#include "decode.h"
#include "error.h"
#include "file.h"
#include "marks.h"
#include "options.h"
#include "output.h"
#include "picture_classifier.h"
#include "report.h"
#include "shown.h"
#include "stopwatch.h"

namespace {

using namespace deit;

constexpr int kInterrupted = 130;  // as shells have it for SIGINT

volatile std::sig_atomic_t interrupted = 0;

// From now on the first Ctrl-C only notes that it came: what is measured so far is worth keeping. A second one ends the
// process as usual.
void catch_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

void complain(std::string_view message) {
  std::cerr << "deit: " << printable(message) << std::endl;
}

// Reads a picture or tensor into the engine's input.
void prepare(const Options& options, PictureClassifier& core, PictureResult& result) {
  Stopwatch watch;
  if (!options.tensor.empty()) {
    constexpr std::size_t limit = std::size_t{1} << 28;
    const std::vector<std::uint8_t> bytes = read_file(options.tensor, Code::Picture, limit);
    watch.lap();
    core.set_tensor(bytes);
    result.preprocess_ms = watch.lap();
    return;
  }
  const std::vector<std::uint8_t> bytes = read_picture_file(result.picture);
  core.check_own(result.picture, bytes);
  const double reading_ms = watch.lap();
  const Prepared prepared =
      prepare_picture_file(bytes, result.picture, core.preprocessor(), core.classifier().input());
  result.decode_ms = reading_ms + prepared.decode_ms;
  result.preprocess_ms = prepared.preprocess_ms;
  result.warning = prepared.warning;
  if (!result.warning.empty()) complain("warning: " + result.warning);
}

void take_answer(const Options& options, PictureClassifier& core, PictureResult& result) {
  const Floats logits = core.logits();
  result.guesses = top_k(logits, static_cast<std::size_t>(options.topk));
  if (options.logits) result.logits.assign(logits.begin(), logits.end());
}

// Classifies one picture; one that cannot be read leaves its error in the result.
PictureResult classify(const Options& options, PictureClassifier& core, const std::string& name) {
  PictureResult result;
  result.picture = name;
  try {
    prepare(options, core, result);
  } catch (const Error& error) {
    if (error.code() != Code::Picture) throw;
    result.error = error.what();
    complain(result.error);
    return result;
  }
  Stopwatch watch;
  core.classifier().run();
  result.inference_ms = watch.lap();
  take_answer(options, core, result);
  return result;
}

// False if it was interrupted before anything was measured; the report then has no bench.
bool bench(const Options& options, PictureClassifier& core, const std::string& name, const Marks& marks,
           Report& report) {
  PictureResult result;
  result.picture = name;
  prepare(options, core, result);
  Bench bench(core.classifier(), options.warmup, options.repeats, [] { return interrupted != 0; },
              options.min_seconds);
  catch_interrupt();
  {
    const Mark mark(marks, "warm-up");
    bench.warm_up();
  }
  bench.measure(marks);
  if (bench.latencies_ms().empty()) return false;
  result.inference_ms = bench.first_run_ms();
  take_answer(options, core, result);
  report.pictures = {result};
  report.bench = BenchResult{bench.first_run_ms(), bench.warmup(), !bench.is_complete(), bench.latencies_ms(),
                             summarize(bench.latencies_ms()), bench.began_s(), bench.clocks()};
  return true;
}

// The exit code.
int run(const Options& options) {
  if (!options.cpu_mask.empty()) set_cpu_mask(options.cpu_mask);
  const Marks marks = options.trace_marker.empty() ? Marks() : Marks(options.trace_marker);
  marks.begin("load");
  PictureClassifier core(options.paths, options.engine);
  marks.end();
  for (const std::string& name : core.unknown()) {
    complain("note: the manifest has no SHA-256 of " + name + ", so it is not compared");
  }
  Report report;
  report.model_file = options.paths.model.string();
  print_header(std::cout, core, report.model_file);
  if (core.classifier().power_mode() != options.engine.power_mode) {
    std::cout << "power mode " << to_string(options.engine.power_mode)
              << " is for ARM: not used by this engine\n";
  }
  std::vector<std::string> names;
  for (const auto& picture : options.pictures) names.push_back(picture.string());
  if (names.empty()) names.push_back(options.tensor.string());
  if (options.bench) {
    if (!bench(options, core, names.front(), marks, report)) {
      complain("interrupted before the first measured run: there is nothing to report");
      return kInterrupted;
    }
    print_picture(std::cout, report.pictures.front(), core.labels());
  } else {
    for (const std::string& name : names) {
      report.pictures.push_back(classify(options, core, name));
      print_picture(std::cout, report.pictures.back(), core.labels());
    }
  }
  report.cpu_mask = cpu_mask();
  report.peak_rss_kib = peak_rss_kib();
  if (report.bench) print_bench(std::cout, report, core.load_ms());
  std::cout << to_json(report, core) << '\n';
  flush_output();
  const bool all = std::all_of(report.pictures.begin(), report.pictures.end(),
                               [](const PictureResult& result) { return result.error.empty(); });
  if (report.bench && report.bench->partial) {
    const std::string wanted = options.min_seconds > 0 ? "" : " of " + std::to_string(options.repeats);
    complain("interrupted after " + std::to_string(report.bench->latencies_ms.size()) + wanted +
             " runs: the figures are of these");
    return kInterrupted;
  }
  return all ? 0 : static_cast<int>(Code::Picture);
}

}  // namespace

int main(int count, char** arguments) {
  tell_crashes();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const std::optional<Options> options = parse_options(count, arguments);
    if (!options) {
      flush_output();
      return 0;
    }
    std::optional<Deadline> deadline;
    if (options->timeout_s > 0) {
      std::ostringstream message;
      message << "deit: not done after " << options->timeout_s
              << " s: give a longer --timeout or fewer --repeats";
      deadline.emplace(std::chrono::duration<double>(options->timeout_s), message.str());
    }
    return run(*options);
  } catch (const Error& error) {
    complain(error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    complain("out of memory: give smaller pictures or a smaller network");
    return static_cast<int>(Code::Engine);
  } catch (const std::exception& error) {
    complain(error.what());
    return static_cast<int>(Code::Engine);
  }
}
