// What libraries that stand in for Paddle Lite's share: how they are configured.
#include "paddle_api.h"

namespace paddle {
namespace lite_api {

bool IsOpenCLBackendValid(bool) {
  return false;
}

ConfigBase::ConfigBase(PowerMode mode, int threads) : threads_(threads), mode_(mode) {}
void ConfigBase::set_threads(int threads) {
  threads_ = threads;
}
void ConfigBase::set_power_mode(PowerMode mode) {
  mode_ = mode;
}

void MobileConfig::set_model_from_buffer(const char* buffer, size_t length) {
  model_buffer_ = buffer;
  model_buffer_size_ = length;
}

#if defined(ENABLE_ARM_FP16)
// As in Paddle Lite's arm82_fp16 release.
template <>
const __fp16* Tensor::data<__fp16>() const {
  return nullptr;
}
#endif

}  // namespace lite_api
}  // namespace paddle
