#include "report.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>

#include "shown.h"
#include "version.h"

namespace deit {
namespace {

using json = nlohmann::ordered_json;

constexpr int kSchema = 1;
constexpr int kBarWidth = 30;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json json_of(const PictureResult& result, const std::vector<std::string>& labels) {
  const bool done = result.error.empty();
  json classes = json::array();
  for (const Guess& guess : result.guesses) {
    classes.push_back({{"index", guess.index},
                       {"class", labels[static_cast<std::size_t>(guess.index)]},
                       {"logit", guess.logit},
                       {"probability", guess.probability}});
  }
  return {{"picture", result.picture},
          {"error", done ? json(nullptr) : json(result.error)},
          {"warning", result.warning.empty() ? json(nullptr) : json(result.warning)},
          {"classes", classes},
          {"logits", result.logits.empty() ? json(nullptr) : json(result.logits)},
          {"decode_ms", or_null(result.decode_ms)},
          {"preprocess_ms", done ? json(result.preprocess_ms) : json(nullptr)},
          {"inference_ms", done ? json(result.inference_ms) : json(nullptr)}};
}

json json_of(const BenchResult& bench) {
  const Statistics& values = bench.statistics;
  json clocks = json::array();
  for (const RunClock& one : bench.clocks) {
    clocks.push_back({{"run", one.run}, {"cpu", one.clock.cpu}, {"khz", one.clock.khz}});
  }
  return {{"first_run_ms", bench.first_run_ms},
          {"warmup", bench.warmup},
          {"partial", bench.partial},
          {"repeats", bench.latencies_ms.size()},
          {"latencies_ms", bench.latencies_ms},
          {"began_s", bench.began_s},
          {"clocks", clocks},
          {"statistics",
           {{"mean", values.mean},
            {"p50", values.p50},
            {"p90", values.p90},
            {"p99", values.p99},
            {"min", values.min},
            {"max", values.max},
            {"stddev", values.stddev}}}};
}

}  // namespace

void print_header(std::ostream& out, PictureClassifier& core, const std::string& model_file) {
  const Classifier& classifier = core.classifier();
  const Manifest& manifest = core.manifest();
  out << escaped(manifest.model) << ' ' << manifest.precision << " (" << escaped(model_file) << "), Paddle Lite "
      << classifier.engine_version() << ", " << classifier.threads()
      << (classifier.threads() == 1 ? " thread, " : " threads, ") << to_string(classifier.power_mode())
      << std::fixed << std::setprecision(1) << "; loaded in " << core.load_ms() << " ms\n";
}

void print_picture(std::ostream& out, const PictureResult& result, const std::vector<std::string>& labels) {
  out << escaped(result.picture) << std::fixed << std::setprecision(1);
  if (!result.error.empty()) {
    out << ": not classified\n";
    return;
  }
  out << ": ";
  if (result.decode_ms) out << "decode " << *result.decode_ms << " ms, ";
  out << "preprocess " << result.preprocess_ms << " ms, inference " << result.inference_ms << " ms\n";
  for (const Guess& guess : result.guesses) {
    const int length = static_cast<int>(guess.probability * kBarWidth + 0.5);
    out << std::setw(7) << 100 * guess.probability << " % " << std::left << std::setw(kBarWidth)
        << std::string(static_cast<std::size_t>(length), '#') << std::right << ' '
        << escaped(labels[static_cast<std::size_t>(guess.index)]) << '\n';
  }
}

void print_bench(std::ostream& out, const Report& report, double load_ms) {
  const BenchResult& bench = *report.bench;
  const Statistics& values = bench.statistics;
  const std::size_t runs = bench.latencies_ms.size();
  out << std::fixed << std::setprecision(2) << runs << (runs == 1 ? " run" : " runs") << " after "
      << bench.warmup << " to warm up, in ms:\n"
      << "  load " << load_ms << ", first run " << bench.first_run_ms << '\n'
      << "  mean " << values.mean << ", standard deviation " << values.stddev << '\n'
      << "  min " << values.min << ", p50 " << values.p50 << ", p90 " << values.p90 << ", p99 " << values.p99
      << ", max " << values.max << '\n';
  if (report.peak_rss_kib) {
    out << "  peak memory " << static_cast<double>(*report.peak_rss_kib) / 1024 << " MiB, CPU mask "
        << report.cpu_mask << '\n';
  }
}

std::string to_json(const Report& report, PictureClassifier& core) {
  const Classifier& classifier = core.classifier();
  const Manifest& manifest = core.manifest();
  json pictures = json::array();
  for (const PictureResult& result : report.pictures) pictures.push_back(json_of(result, core.labels()));
  const json document = {
      {"schema", kSchema},
      {"versions",
       {{"deit", DEIT_VERSION},
        {"engine", classifier.engine_version()},
        {"opt", classifier.model().header.opt_version}}},
      {"model", manifest.model},
      {"file", report.model_file},
      {"bytes", core.model_bytes()},
      {"precision", manifest.precision},
      {"target", manifest.target},
      {"recipe", or_null(manifest.recipe)},
      {"kernel_targets", classifier.model().targets},
      {"threads", classifier.threads()},
      {"power_mode", to_string(classifier.power_mode())},
      {"cpu_mask", report.cpu_mask},
      {"load_ms", core.load_ms()},
      {"peak_rss_kib", or_null(report.peak_rss_kib)},
      {"pictures", pictures},
      {"bench", report.bench ? json_of(*report.bench) : json(nullptr)},
  };
  // In ASCII, which holds nothing that a terminal obeys.
  return document.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace deit
