/* classify BUNDLE MODEL PICTURE...: the C boundary from plain C, for test_c_api.py. Prints each picture's
 * classes as "index probability label" lines, then "logits ..."; errors as "code message". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "c_api.h"

enum { MOST_CLASSES = 3, RUNS = 3 };

static unsigned char* read_all(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = NULL;
  long length;
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0) {
    *size = (size_t)length;
    bytes = malloc(*size + 1);
    rewind(file);
    if (bytes != NULL && fread(bytes, 1, *size, file) != *size) *size = 0;
  }
  fclose(file);
  return bytes;
}

static int refused(deit_code code, const char* message) {
  printf("%d %s\n", (int)code, message);
  return (int)code;
}

static void print_classes(const deit_classifier* classifier, const deit_guess* guesses, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) {
    printf("%d %.9f %s\n", (int)guesses[i].index, guesses[i].probability,
           deit_label(classifier, guesses[i].index));
  }
}

static int print_logits(deit_classifier* classifier) {
  char message[200];
  const size_t count = deit_class_count(classifier);
  float* logits = malloc(count * sizeof *logits);
  deit_code code;
  size_t i;
  if (logits == NULL) return 1;
  code = deit_logits(classifier, logits, count, message, sizeof message);
  if (code == DEIT_OK) {
    printf("logits");
    for (i = 0; i < count; ++i) printf(" %.9g", (double)logits[i]);
    printf("\n");
  } else {
    refused(code, message);
  }
  free(logits);
  return (int)code;
}

static int classify(deit_classifier* classifier, const char* path) {
  char message[200];
  deit_guess guesses[MOST_CLASSES];
  size_t count = MOST_CLASSES, size = 0;
  deit_times times;
  deit_code code;
  unsigned char* bytes = read_all(path, &size);
  if (bytes == NULL) return 1;
  code = deit_classify_encoded(classifier, bytes, size, guesses, &count, &times, message, sizeof message);
  free(bytes);
  if (code != DEIT_OK) return refused(code, message);
  if (times.decode_ms <= 0 || times.preprocess_ms <= 0 || times.inference_ms <= 0) return 1;
  print_classes(classifier, guesses, count);
  return print_logits(classifier);
}

/* Pixels of one grey level, as 3 and as 4 channels with gaps between the rows, must give the same. */
static int classify_pixels(deit_classifier* classifier) {
  enum { SIDE = 40, STRIDE = SIDE * 4 + 12 };
  static unsigned char rgb[SIDE * SIDE * 3], rgba[SIDE * STRIDE];
  char message[200];
  deit_guess first[1], second[1];
  size_t count = 1;
  memset(rgb, 90, sizeof rgb);
  memset(rgba, 90, sizeof rgba);
  if (deit_classify_pixels(classifier, rgb, SIDE, SIDE, SIDE * 3, 3, first, &count, NULL, message,
                           sizeof message) != DEIT_OK ||
      deit_classify_pixels(classifier, rgba, SIDE, SIDE, STRIDE, 4, second, &count, NULL, message,
                           sizeof message) != DEIT_OK) {
    return 1;
  }
  printf("pixels %s\n",
         first[0].index == second[0].index && first[0].logit == second[0].logit ? "same" : "differ");
  return 0;
}

static int misuse(deit_classifier* classifier) {
  char message[200], cut[12];
  deit_guess guess;
  size_t none = 0, one = 1;
  const unsigned char grey[3] = {1, 2, 3};
  float logit;
  refused(deit_classify_encoded(classifier, grey, 3, &guess, &none, NULL, message, sizeof message), message);
  refused(deit_classify_encoded(classifier, grey, 3, &guess, &one, NULL, message, sizeof message), message);
  refused(deit_classify_pixels(classifier, grey, 1, 1, 3, 2, &guess, &one, NULL, message, sizeof message),
          message);
  refused(deit_classify_pixels(classifier, NULL, 1, 1, 3, 3, &guess, &one, NULL, message, sizeof message),
          message);
  refused(deit_logits(classifier, &logit, 1, message, sizeof message), message);
  refused(deit_bench(classifier, 0, 0, NULL, NULL, NULL, NULL, cut, sizeof cut), cut);
  deit_close(NULL);
  return deit_label(classifier, -1) == NULL && deit_label(classifier, 1 << 20) == NULL ? 0 : 1;
}

/* Lets as many runs pass as `context` says. */
static int run_out(void* context) {
  return --*(int*)context < 0;
}

/* A bench that is cancelled gives what it has measured: of 3 runs, one was for warming up. */
static int cancel(deit_classifier* classifier) {
  char message[200];
  double latencies[RUNS] = {0};
  deit_runs runs = {0, 0};
  int left = 3;
  if (deit_bench(classifier, 1, RUNS, run_out, &left, latencies, &runs, message, sizeof message) != DEIT_OK) {
    return 1;
  }
  printf("cancelled after %d\n", (int)runs.measured);
  return runs.first_run_ms > 0 && latencies[1] > 0 && latencies[2] == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  char message[200];
  double latencies[RUNS];
  deit_classifier* classifier = NULL;
  deit_code code;
  int i, status = 0;
  if (argc < 3) return 1;
  code = deit_open(argv[1], argv[2], 1, "no-bind", &classifier, message, sizeof message);
  if (code != DEIT_OK) return refused(code, message);
  printf("facts %s\n", deit_facts(classifier));
  for (i = 3; i < argc && status == 0; ++i) status = classify(classifier, argv[i]);
  if (status == 0) status = classify_pixels(classifier);
  if (status == 0) status = misuse(classifier);
  if (status == 0) status = cancel(classifier);
  code = deit_bench(classifier, 1, RUNS, NULL, NULL, latencies, NULL, message, sizeof message);
  if (code != DEIT_OK) return refused(code, message);
  for (i = 0; i < RUNS; ++i) {
    if (latencies[i] <= 0) return 1;
  }
  deit_close(classifier);
  return status;
}
