// read_labels LABELS CLASSES: prints the class names as the core reads them, one a line.
#include <cstdio>
#include <cstdlib>

#include "error.h"
#include "labels.h"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  try {
    for (const auto& label : deit::read_labels(arguments[1], std::atoi(arguments[2])))
      std::puts(label.c_str());
    return 0;
  } catch (const deit::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
