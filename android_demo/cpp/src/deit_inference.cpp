// deit_inference FOLDER PICTURE [THREADS]: a picture's classes by Paddle Inference, on a folder of tools/export.py
// --format inference. The last line is JSON: the five likeliest classes, all logits, and milliseconds.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "decode.h"
#include "error.h"
#include "exported.h"
#include "output.h"
#include "paddle_inference_api.h"
#include "preprocessor.h"
#include "shown.h"
#include "stopwatch.h"
#include "topk.h"

namespace {

constexpr std::size_t kShown = 5;
constexpr int kMaxThreads = 256;

int parse_threads(const std::string& text) {
  char* end = nullptr;
  const long threads = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || threads < 1 || threads > kMaxThreads) {
    throw deit::Error(deit::Code::Usage,
                      "threads are '" + text + "': give 1 to " + std::to_string(kMaxThreads));
  }
  return static_cast<int>(threads);
}

std::shared_ptr<paddle_infer::Predictor> load(const deit::Exported& exported, int threads) {
  paddle_infer::Config config;
  config.SetModel(exported.program.string(), exported.parameters.string());
  config.DisableGpu();
  config.DisableGlogInfo();
  config.SetCpuMathLibraryNumThreads(threads);
  // One of the passes, seqpool_cvm_concat_fuse_pass, can crash in 2.6.2. The official package can leave that one out
  // alone, and is faster with the others.
  config.SwitchIrOptim(false);
  return paddle_infer::CreatePredictor(config);
}

std::vector<float> run(paddle_infer::Predictor& predictor, const std::vector<float>& tensor,
                       const deit::Input& input) {
  const auto given = predictor.GetInputHandle(predictor.GetInputNames().at(0));
  given->Reshape({input.shape.begin(), input.shape.end()});
  given->CopyFromCpu(tensor.data());
  if (!predictor.Run()) throw deit::Error(deit::Code::Engine, "Paddle Inference did not run the program");
  const auto answered = predictor.GetOutputHandle(predictor.GetOutputNames().at(0));
  const std::vector<int> shape = answered->shape();
  std::vector<float> logits(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
  answered->CopyToCpu(logits.data());
  return logits;
}

nlohmann::json classify(const std::string& folder, const std::string& picture, int threads) {
  deit::Stopwatch watch;
  const deit::Exported exported = deit::read_exported(folder);
  const auto predictor = load(exported, threads);
  const double load_ms = watch.lap();
  deit::Preprocessor preprocessor(exported.input);
  std::vector<float> tensor(preprocessor.size());
  const auto bytes = deit::read_picture_file(picture);
  const std::string warning = deit::prepare_picture_file(bytes, picture, preprocessor, tensor.data()).warning;
  if (!warning.empty()) {
    std::fprintf(stderr, "deit_inference: warning: %s\n", deit::printable(warning).c_str());
  }
  const double prepare_ms = watch.lap();
  const std::vector<float> logits = run(*predictor, tensor, exported.input);
  const double run_ms = watch.lap();
  if (logits.size() != exported.labels.size()) {
    throw deit::Error(deit::Code::Bundle, "the program gives " + std::to_string(logits.size()) +
                                              " logits and there are " +
                                              std::to_string(exported.labels.size()) + " labels");
  }
  for (const float logit : logits) {
    if (!std::isfinite(logit)) throw deit::Error(deit::Code::Engine, "the program answers NaN or infinity");
  }
  nlohmann::json classes = nlohmann::json::array();
  for (const deit::Guess& guess : deit::top_k({logits.data(), logits.size()}, kShown)) {
    classes.push_back({{"class", exported.labels[static_cast<std::size_t>(guess.index)]},
                       {"probability", guess.probability},
                       {"logit", guess.logit}});
  }
  return {{"classes", classes},
          {"logits", logits},
          {"load_ms", load_ms},
          {"prepare_ms", prepare_ms},
          {"run_ms", run_ms}};
}

// What went wrong as one line; Paddle's errors go on for pages, and say what at the end.
std::string line_of(const std::string& text) {
  std::string line = text.substr(0, text.find_last_not_of('\n') + 1);
  line = line.substr(line.rfind('\n') + 1);
  return line;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 3 && count != 4) {
      throw deit::Error(deit::Code::Usage, "usage: deit_inference FOLDER PICTURE [THREADS]");
    }
    const int threads = count == 4 ? parse_threads(arguments[3]) : 1;
    std::cout << classify(arguments[1], arguments[2], threads).dump() << '\n';
    deit::flush_output();
    return 0;
  } catch (const deit::Error& error) {
    std::fprintf(stderr, "deit_inference: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "deit_inference: the engine failed: %s\n", line_of(error.what()).c_str());
    return static_cast<int>(deit::Code::Engine);
  }
}
