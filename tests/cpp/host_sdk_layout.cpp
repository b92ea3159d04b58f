// Whether host_sdk/paddle_api.h describes objects as the engine lays them out: for test_host_sdk.py, which
// also reads the virtual table of `Predictor` out of this file's object. Prints one line for each thing that
// is wrong.
#include <cstdio>
#include <cstring>
#include <new>

#include "paddle_api.h"

namespace {

namespace lite = paddle::lite_api;

int wrong = 0;

void expect(bool right, const char* what) {
  if (right) return;
  std::printf("%s\n", what);
  ++wrong;
}

// The engine constructs the base, we the rest; neither may write behind the object.
void check_config() {
  constexpr std::size_t guard = 256;
  alignas(lite::MobileConfig) static unsigned char memory[sizeof(lite::MobileConfig) + guard];
  std::memset(memory, 0xA5, sizeof memory);
  auto* config = new (memory) lite::MobileConfig;
  const char model[] = "model";
  expect(config->lite_model_buffer_ptr() == nullptr && !config->is_model_from_memory(),
         "a new config is not empty");
  config->set_model_from_buffer(model, sizeof model);
  expect(config->lite_model_buffer_ptr() == model, "the engine keeps the buffer elsewhere");
  expect(config->lite_model_buffer_size() == sizeof model, "the engine keeps the buffer's size elsewhere");
  expect(config->is_model_from_memory(), "the engine keeps the flag elsewhere");
  expect(config->threads() == 1 && config->power_mode() == lite::LITE_POWER_NO_BIND,
         "threads or mode are elsewhere");
  config->set_x86_math_num_threads(7);
  expect(config->x86_math_num_threads() == 7, "the engine does not keep its threads");
  expect(config->lite_model_buffer_ptr() == model, "threads and buffer overlap");
  for (std::size_t i = sizeof(lite::MobileConfig); i < sizeof memory; ++i) {
    if (memory[i] != 0xA5) {
      expect(false, "the engine writes behind the config");
      break;
    }
  }
  config->~MobileConfig();
}

}  // namespace

// Every virtual function of PaddlePredictor, overridden so that the compiler must give each its place.
struct Predictor : lite::PaddlePredictor {
  std::unique_ptr<lite::Tensor> GetInput(int i) override;
  std::unique_ptr<const lite::Tensor> GetOutput(int i) const override;
  void Run() override;
  std::shared_ptr<PaddlePredictor> Clone() override;
  std::shared_ptr<PaddlePredictor> Clone(const std::vector<std::string>& names) override;
  std::string GetVersion() const override;
  std::vector<std::string> GetInputNames() override;
  std::vector<std::string> GetOutputNames() override;
  bool TryShrinkMemory() override;
  std::unique_ptr<lite::Tensor> GetInputByName(const std::string& name) override;
  std::unique_ptr<const lite::Tensor> GetTensor(const std::string& name) const override;
  ~Predictor() override;
};

std::unique_ptr<lite::Tensor> Predictor::GetInput(int) {
  return nullptr;
}
std::unique_ptr<const lite::Tensor> Predictor::GetOutput(int) const {
  return nullptr;
}
void Predictor::Run() {}
std::shared_ptr<lite::PaddlePredictor> Predictor::Clone() {
  return nullptr;
}
std::shared_ptr<lite::PaddlePredictor> Predictor::Clone(const std::vector<std::string>&) {
  return nullptr;
}
std::string Predictor::GetVersion() const {
  return "";
}
std::vector<std::string> Predictor::GetInputNames() {
  return {};
}
std::vector<std::string> Predictor::GetOutputNames() {
  return {};
}
bool Predictor::TryShrinkMemory() {
  return false;
}
std::unique_ptr<lite::Tensor> Predictor::GetInputByName(const std::string&) {
  return nullptr;
}
std::unique_ptr<const lite::Tensor> Predictor::GetTensor(const std::string&) const {
  return nullptr;
}
Predictor::~Predictor() = default;

int main() {
  check_config();
  // As large as the engine's, whose members come behind: virtual table, threads and mode.
  expect(sizeof(lite::PaddlePredictor) == sizeof(void*) + 2 * sizeof(int), "a predictor has another size");
  expect(sizeof(lite::Tensor) == sizeof(void*), "a tensor has another size");
  return wrong == 0 ? 0 : 1;
}
