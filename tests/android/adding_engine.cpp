// Stands in for Paddle Lite's library on arm64, for which none can be had here: the interface of the official
// release over the simplest network there is, so that a picture goes all the way through JNI and the core.
// Logit c is the mean of the input's values c, c + 10, c + 20, ... with the number of the class added.
#include <stdexcept>

#include "paddle_api.h"

namespace {

constexpr std::size_t kClasses = 10;

struct Values {
  paddle::lite_api::shape_t shape;
  std::vector<float> data;
};

}  // namespace

namespace paddle {
namespace lite_api {

Tensor::Tensor(void* raw) : raw_tensor_(raw) {}
Tensor::Tensor(const void* raw) : raw_tensor_(const_cast<void*>(raw)) {}
void Tensor::Resize(const shape_t& shape) {
  auto* values = static_cast<Values*>(raw_tensor_);
  std::size_t size = 1;
  for (const int64_t side : shape) size *= static_cast<std::size_t>(side);
  values->shape = shape;
  values->data.resize(size);
}
shape_t Tensor::shape() const {
  return static_cast<Values*>(raw_tensor_)->shape;
}
PrecisionType Tensor::precision() const {
  return PrecisionType::kFloat;
}
template <>
const float* Tensor::data<float>() const {
  return static_cast<Values*>(raw_tensor_)->data.data();
}
template <>
float* Tensor::mutable_data<float>(TargetType) const {
  return static_cast<Values*>(raw_tensor_)->data.data();
}

std::vector<std::string> PaddlePredictor::GetParamNames() {
  return {};
}
std::unique_ptr<Tensor> PaddlePredictor::GetMutableTensor(const std::string&) {
  return nullptr;
}
void PaddlePredictor::SaveOptimizedModel(const std::string&, LiteModelType, bool) {}
void PaddlePredictor::SetStream(TargetType, void*) {}

}  // namespace lite_api
}  // namespace paddle

namespace {

namespace lite = paddle::lite_api;

class Adding : public lite::PaddlePredictor {
 public:
  std::unique_ptr<lite::Tensor> GetInput(int) override { return std::make_unique<lite::Tensor>(&input_); }
  std::unique_ptr<const lite::Tensor> GetOutput(int) const override {
    return std::make_unique<const lite::Tensor>(static_cast<const void*>(&output_));
  }
  void Run() override {
    output_ = {{1, static_cast<int64_t>(kClasses)}, std::vector<float>(kClasses)};
    for (std::size_t c = 0; c < kClasses; ++c) {
      double sum = 0;
      std::size_t count = 0;
      for (std::size_t i = c; i < input_.data.size(); i += kClasses, ++count) sum += double(input_.data[i]);
      output_.data[c] = static_cast<float>(sum / double(count) + double(c));
    }
  }
  std::string GetVersion() const override { return "v2.13-rc"; }
  std::shared_ptr<PaddlePredictor> Clone() override { return nullptr; }
  std::shared_ptr<PaddlePredictor> Clone(const std::vector<std::string>&) override { return nullptr; }
  std::vector<std::string> GetInputNames() override { return {}; }
  std::vector<std::string> GetOutputNames() override { return {}; }
  bool TryShrinkMemory() override { return false; }
  std::unique_ptr<lite::Tensor> GetInputByName(const std::string&) override { return nullptr; }
  std::unique_ptr<const lite::Tensor> GetTensor(const std::string&) const override { return nullptr; }

 private:
  Values input_;
  Values output_;
};

}  // namespace

namespace paddle {
namespace lite_api {

template <>
std::shared_ptr<PaddlePredictor> CreatePaddlePredictor(const MobileConfig& config) {
  if (config.threads() == 7) throw std::runtime_error("seven threads are too many\nfor this engine");
  return std::make_shared<Adding>();
}

}  // namespace lite_api
}  // namespace paddle
