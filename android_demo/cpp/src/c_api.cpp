#include "c_api.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "bench.h"
// Apps leave decoding to Android, and with it libjpeg, libpng and libwebp.
#ifndef DEIT_DECODE
#define DEIT_DECODE 1
#endif
#if DEIT_DECODE
#include "decode.h"
#endif
#include "error.h"
#include "picture_classifier.h"
#include "shown.h"
#include "stopwatch.h"

struct deit_classifier {
  deit::PictureClassifier core;
  std::string facts;
};

namespace {

using deit::Code;
using deit::Error;
using nlohmann::json;

// Copies what fits of `text`, ending where a UTF-8 character does.
void write_message(std::string_view text, char* message, size_t size) {
  if (message == nullptr || size == 0) return;
  size_t length = std::min(text.size(), size - 1);
  const auto continues = [&](size_t at) { return at < text.size() && (text[at] & 0xC0) == 0x80; };
  while (length > 0 && continues(length)) --length;
  std::memcpy(message, text.data(), length);
  message[length] = '\0';
}

// Calls the core; what it throws becomes a code and a message.
template <typename Call>
deit_code guarded(char* message, size_t size, Call call) noexcept {
  try {
    call();
    return DEIT_OK;
  } catch (const Error& error) {
    write_message(error.what(), message, size);
    return static_cast<deit_code>(error.code());
  } catch (const std::bad_alloc&) {
    write_message("out of memory: give a smaller picture or network", message, size);
    return DEIT_MEMORY;
  } catch (const std::exception& error) {
    write_message(deit::printable(error.what()), message, size);
    return DEIT_ENGINE;
  } catch (...) {
    write_message("the engine failed without a reason", message, size);
    return DEIT_ENGINE;
  }
}

template <typename... Pointers>
void require(const Pointers*... pointers) {
  if (((pointers == nullptr) || ...)) throw Error(Code::Usage, "an argument is NULL that must not be");
}

std::string facts_of(deit::PictureClassifier& core) {
  const deit::Manifest& manifest = core.manifest();
  json facts = {{"model", manifest.model},
                {"precision", manifest.precision},
                {"target", manifest.target},
                {"recipe", nullptr},
                {"classes", manifest.classes},
                {"drift", nullptr},
                {"engine", core.classifier().engine_version()},
                {"opt", core.classifier().model().header.opt_version},
                {"kernel_targets", core.classifier().model().targets},
                {"unknown", core.unknown()},
                {"bytes", core.model_bytes()},
                {"threads", core.classifier().threads()},
                {"power_mode", deit::to_string(core.classifier().power_mode())},
                {"load_ms", core.load_ms()}};
  if (manifest.recipe) facts["recipe"] = *manifest.recipe;
  if (manifest.drift) {
    facts["drift"] = {{"cosine_mean", manifest.drift->cosine_mean},
                      {"top1_agreement", manifest.drift->top1_agreement}};
  }
  return facts.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Classifies what is in the engine's input.
void classify(deit::PictureClassifier& core, deit_guess* guesses, size_t* count, deit_times& times) {
  deit::Stopwatch watch;
  core.classifier().run();
  times.inference_ms = watch.lap();
  const std::vector<deit::Guess> found = deit::top_k(core.logits(), *count);
  std::transform(found.begin(), found.end(), guesses, [](const deit::Guess& guess) {
    return deit_guess{guess.index, guess.logit, guess.probability};
  });
  *count = found.size();
}

void check_room(const size_t* count) {
  if (*count == 0) throw Error(Code::Usage, "there is room for no class: give at least 1");
}

}  // namespace

deit_code deit_open(const char* bundle, const char* model, int threads, const char* power_mode,
                    deit_classifier** classifier, char* message, size_t message_size) {
  return guarded(message, message_size, [&] {
    require(bundle, model, power_mode, classifier);
    deit::BundlePaths paths = deit::bundle_paths(bundle, false);
    paths.model = std::filesystem::path(bundle) / model;
    deit::PictureClassifier core(paths, {threads, deit::parse_power_mode(power_mode)});
    std::string facts = facts_of(core);
    *classifier = new deit_classifier{std::move(core), std::move(facts)};
  });
}

void deit_close(deit_classifier* classifier) {
  delete classifier;
}

size_t deit_class_count(const deit_classifier* classifier) {
  return classifier == nullptr ? 0 : classifier->core.labels().size();
}

const char* deit_label(const deit_classifier* classifier, int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= deit_class_count(classifier)) return nullptr;
  return classifier->core.labels()[static_cast<size_t>(index)].c_str();
}

const char* deit_facts(const deit_classifier* classifier) {
  return classifier == nullptr ? "{}" : classifier->facts.c_str();
}

deit_code deit_classify_pixels(deit_classifier* classifier, const uint8_t* pixels, int width, int height,
                               ptrdiff_t stride, int channels, deit_guess* guesses, size_t* count,
                               deit_times* times, char* message, size_t message_size) {
  return guarded(message, message_size, [&] {
    require(classifier, pixels, guesses, count);
    check_room(count);
    deit_times taken{};
    deit::Stopwatch watch;
    classifier->core.set_picture({pixels, width, height, stride, channels});
    taken.preprocess_ms = watch.lap();
    classify(classifier->core, guesses, count, taken);
    if (times != nullptr) *times = taken;
  });
}

deit_code deit_classify_encoded(deit_classifier* classifier, const uint8_t* bytes, size_t size,
                                deit_guess* guesses, size_t* count, deit_times* times, char* message,
                                size_t message_size) {
  return guarded(message, message_size, [&] {
    require(classifier, bytes, guesses, count);
    check_room(count);
#if DEIT_DECODE
    deit_times taken{};
    deit::PictureClassifier& core = classifier->core;
    const deit::Prepared prepared =
        deit::prepare_picture(bytes, size, core.preprocessor(), core.classifier().input());
    taken.decode_ms = prepared.decode_ms;
    taken.preprocess_ms = prepared.preprocess_ms;
    classify(core, guesses, count, taken);
    write_message(deit::printable(prepared.warning), message, message_size);
    if (times != nullptr) *times = taken;
#else
    static_cast<void>(size), static_cast<void>(times);
    throw Error(Code::Usage, "this build decodes no files (DEIT_DECODE=OFF): give pixels");
#endif
  });
}

deit_code deit_logits(deit_classifier* classifier, float* logits, size_t count, char* message,
                      size_t message_size) {
  return guarded(message, message_size, [&] {
    require(classifier, logits);
    const deit::Floats found = classifier->core.logits();
    if (count < found.size) {
      throw Error(Code::Usage, "there is room for " + std::to_string(count) + " of " +
                                   std::to_string(found.size) + " logits");
    }
    std::copy(found.begin(), found.end(), logits);
  });
}

deit_code deit_bench(deit_classifier* classifier, int warmup, int repeats, deit_cancelled cancelled,
                     void* context, double* latencies_ms, deit_runs* runs, char* message,
                     size_t message_size) {
  return guarded(message, message_size, [&] {
    require(classifier, latencies_ms);
    deit::Bench::Cancelled ask;
    if (cancelled != nullptr) ask = [=] { return cancelled(context) != 0; };
    deit::Bench bench(classifier->core.classifier(), warmup, repeats, std::move(ask));
    bench.warm_up();
    bench.measure();
    std::copy(bench.latencies_ms().begin(), bench.latencies_ms().end(), latencies_ms);
    if (runs != nullptr) *runs = {bench.first_run_ms(), bench.latencies_ms().size()};
  });
}
