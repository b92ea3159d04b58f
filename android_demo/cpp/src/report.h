// What the command line prints: lines for people, then one line of JSON (schema/output.schema.json).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "bench.h"
#include "picture_classifier.h"
#include "statistics.h"
#include "topk.h"

namespace deit {

// One picture: its likeliest classes, or why there are none.
struct PictureResult {
  std::string picture;
  std::string error;    // "" where it was classified
  std::string warning;  // what is wrong with it all the same; "" for nothing
  std::vector<Guess> guesses;
  std::vector<float> logits;        // empty unless asked for
  std::optional<double> decode_ms;  // reading and decoding; none for a tensor
  double preprocess_ms = 0;
  double inference_ms = 0;
};

struct BenchResult {
  double first_run_ms = 0;
  int warmup = 0;
  bool partial = false;  // interrupted before all runs that were asked for
  std::vector<double> latencies_ms;
  Statistics statistics;  // of the latencies
  double began_s = 0;     // of the measured runs, since the device was started
  std::vector<RunClock> clocks;
};

struct Report {
  std::string model_file;
  std::vector<PictureResult> pictures;
  std::optional<BenchResult> bench;
  std::string cpu_mask;  // in force while the network ran
  std::optional<std::int64_t> peak_rss_kib;
};

// The lines for people: which network, engine and threads; one picture's classes; a bench's figures.
void print_header(std::ostream& out, PictureClassifier& core, const std::string& model_file);
void print_picture(std::ostream& out, const PictureResult& result, const std::vector<std::string>& labels);
void print_bench(std::ostream& out, const Report& report, double load_ms);

// The JSON document in one line. Bytes of names that are no UTF-8 become U+FFFD.
std::string to_json(const Report& report, PictureClassifier& core);

}  // namespace deit
