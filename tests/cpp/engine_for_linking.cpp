// What a program can link with in place of Paddle Lite's library for a processor that none is there for:
// test_official_layout.py lays it out as the official releases are. It computes nothing, and says so.
#include <stdexcept>

#include "paddle_api.h"

extern std::string precision_asked_of_gpu;

namespace paddle {
namespace lite_api {

void Tensor::Resize(const shape_t&) {}
shape_t Tensor::shape() const {
  return {};
}
PrecisionType Tensor::precision() const {
  return PrecisionType::kUnk;
}
template <>
const float* Tensor::data<float>() const {
  return nullptr;
}
template <>
float* Tensor::mutable_data<float>(TargetType) const {
  return nullptr;
}

// Official libraries throw like this where they were built with exceptions.
template <>
std::shared_ptr<PaddlePredictor> CreatePaddlePredictor(const MobileConfig& config) {
  throw std::runtime_error("this library is only for linking; it was given " +
                           std::to_string(config.lite_model_buffer_size()) + " bytes and " +
                           std::to_string(config.threads()) + " threads, " + precision_asked_of_gpu +
                           " on a GPU\nmore lines");
}

}  // namespace lite_api
}  // namespace paddle
