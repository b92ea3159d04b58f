// Whether inference_sdk/paddle_inference_api.h has the sizes and places of the library's objects: says nothing when
// it has. FOLDER is one of tools/export.py --format inference.
#include <malloc.h>

#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "paddle_inference_api.h"

namespace {

constexpr unsigned char kUntouched = 0xA5;
alignas(64) unsigned char room[1 << 20];
int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("%s\n", what);
  failures = 1;
}

std::size_t written() {
  std::size_t end = sizeof(room);
  while (end > 0 && room[end - 1] == kUntouched) --end;
  return end;
}

}  // namespace

int main(int, char** arguments) {
  const std::string folder = arguments[1];
  std::memset(room, kUntouched, sizeof(room));
  auto* config = new (room) paddle_infer::Config;
  config->SetModel(folder + "/model.pdmodel", folder + "/model.pdiparams");
  config->DisableGpu();
  config->DisableGlogInfo();
  config->SetCpuMathLibraryNumThreads(1);
  config->SwitchIrOptim(false);
  check(written() > 512, "a Config leaves its storage as it was: the check does not see it");
  check(written() <= sizeof(paddle_infer::Config), "a Config is larger than declared");
  const auto predictor = paddle_infer::CreatePredictor(*config);
  config->~AnalysisConfig();
  check(written() <= sizeof(paddle_infer::Config), "a Config's end writes behind it");

  const auto tensor = predictor->GetInputHandle(predictor->GetInputNames().at(0));
  const auto* bytes = reinterpret_cast<const unsigned char*>(tensor.get());
  // What malloc gives is the object's size, rounded up to the next 8 bytes behind a multiple of 16.
  const std::size_t given = malloc_usable_size(tensor.get());
  check(sizeof(*tensor) <= given && given - sizeof(*tensor) < 16, "a Tensor is of another size");
  check(static_cast<const void*>(&tensor->name()) == bytes, "a Tensor does not begin with its name");
  // A short string points at its own letters, 16 bytes on.
  const std::size_t last = sizeof(*tensor) - sizeof(std::string);
  const unsigned char* letters = nullptr;
  std::memcpy(&letters, bytes + last, sizeof(letters));
  check(letters == bytes + last + 16, "a Tensor does not end with the type of its device");
  return failures;
}
