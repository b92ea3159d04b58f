/* The core's boundary in C, for JNI and other languages: an opaque handle, codes instead of exceptions.
 *
 * Every function that can fail gives a deit_code. On failure it writes one line, what happened and what to
 * do, to `message` (UTF-8, ended by NUL, cut at a character's end to fit `message_size` bytes; NULL and 0 for
 * none), and leaves what it would have given unchanged. A handle belongs to one thread at a time; several
 * handles are independent of each other. */
#ifndef DEIT_C_API_H
#define DEIT_C_API_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DEIT_API __attribute__((visibility("default")))
#else
#define DEIT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum deit_code {
  DEIT_OK = 0,
  DEIT_USAGE = 2,   /* arguments out of range */
  DEIT_PICTURE = 3, /* a picture or tensor that cannot be read or used */
  DEIT_MODEL = 4,   /* a .nb that is damaged, of another version, or for another processor or library */
  DEIT_BUNDLE = 5,  /* manifest or labels missing, damaged or of another bundle */
  DEIT_ENGINE = 6,  /* the engine failed */
  DEIT_MEMORY = 8   /* out of memory */
} deit_code;

typedef struct deit_classifier deit_classifier;

typedef struct deit_guess {
  int32_t index; /* of the class, from 0 */
  float logit;
  double probability; /* by softmax over all classes */
} deit_guess;

/* Milliseconds of the last classification. */
typedef struct deit_times {
  double decode_ms; /* 0 for pixels, which are decoded already */
  double preprocess_ms;
  double inference_ms;
} deit_times;

/* Loads a bundle's manifest, labels and network. `model` is a file of the folder `bundle`, "model.nb" or, for
 * the x86 engine, "host.nb"; `threads` is 1 to 256; `power_mode` is high, low, full, no-bind, rand-high or
 * rand-low. */
DEIT_API deit_code deit_open(const char* bundle, const char* model, int threads, const char* power_mode,
                             deit_classifier** classifier, char* message, size_t message_size);

/* Frees what deit_open gave; NULL is let pass. */
DEIT_API void deit_close(deit_classifier* classifier);

/* Number of classes, and the name of one (UTF-8; NULL where there is none of this index), both until
 * deit_close. */
DEIT_API size_t deit_class_count(const deit_classifier* classifier);
DEIT_API const char* deit_label(const deit_classifier* classifier, int32_t index);

/* Facts as a JSON object, until deit_close: model, precision, target, recipe, classes, drift (cosine_mean,
 * top1_agreement; null if not known), engine, opt, kernel_targets, unknown (names of files that were not compared,
 * since the manifest has no SHA-256 of them), bytes, threads, power_mode, load_ms. */
DEIT_API const char* deit_facts(const deit_classifier* classifier);

/* Classifies 8-bit pixels: rows from top to bottom, `stride` bytes from one to the next, 3 channels (RGB) or
 * 4 (RGBA, alpha dropped). Writes the likeliest classes, likeliest first, to `guesses`, which has room for
 * `*count` (at least 1), and their number to `*count`. `times` may be NULL. Pixels are read in place; from
 * the second picture of one size on only the list of classes is allocated. */
DEIT_API deit_code deit_classify_pixels(deit_classifier* classifier, const uint8_t* pixels, int width,
                                        int height, ptrdiff_t stride, int channels, deit_guess* guesses,
                                        size_t* count, deit_times* times, char* message, size_t message_size);

/* The same with the bytes of a JPEG, PNG or WebP file. DEIT_USAGE in builds that leave decoding to others
 * (DEIT_DECODE=OFF). With DEIT_OK `message` gets a warning about a damaged picture, "" where there is none. */
DEIT_API deit_code deit_classify_encoded(deit_classifier* classifier, const uint8_t* bytes, size_t size,
                                         deit_guess* guesses, size_t* count, deit_times* times, char* message,
                                         size_t message_size);

/* Copies the last classification's logits, one for each class, to `logits`, which has room for `count`. */
DEIT_API deit_code deit_logits(deit_classifier* classifier, float* logits, size_t count, char* message,
                               size_t message_size);

/* Asked before each warm-up and each measured run; anything but 0 ends the bench. */
typedef int (*deit_cancelled)(void* context);

typedef struct deit_runs {
  double first_run_ms; /* of the run before the others, in which an engine may prepare itself */
  size_t measured;     /* as many as `repeats`, fewer if the bench was cancelled */
} deit_runs;

/* Runs the network once, then `warmup` times and then `repeats` times on the last picture, or on zeros before
 * the first. Writes each measured run's milliseconds, in their order, to `latencies_ms`, which has room for
 * `repeats`. `cancelled`, which gets `context`, and `runs` may be NULL. */
DEIT_API deit_code deit_bench(deit_classifier* classifier, int warmup, int repeats, deit_cancelled cancelled,
                              void* context, double* latencies_ms, deit_runs* runs, char* message,
                              size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
