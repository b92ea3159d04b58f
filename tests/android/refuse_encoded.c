/* refuse_encoded BUNDLE MODEL: a build without decoding says so, for test_jni.py. Prints code and message. */
#include <stdio.h>

#include "c_api.h"

int main(int argc, char** argv) {
  char message[200] = "";
  deit_classifier* classifier = NULL;
  deit_guess guess;
  size_t count = 1;
  const uint8_t bytes[3] = {0xFF, 0xD8, 0xFF};
  deit_code code;
  if (argc != 3) return 1;
  code = deit_open(argv[1], argv[2], 1, "no-bind", &classifier, message, sizeof message);
  if (code == DEIT_OK) {
    code =
        deit_classify_encoded(classifier, bytes, sizeof bytes, &guess, &count, NULL, message, sizeof message);
  }
  printf("%d %s\n", (int)code, message);
  deit_close(classifier);
  return 0;
}
