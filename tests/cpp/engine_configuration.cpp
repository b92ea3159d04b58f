// What libraries that stand in for Paddle Lite's share: how they are configured. The environment's GPU says
// what the device's can, "fp32" or "fp16"; without it there is none.
#include <cstdlib>
#include <string>

#include "paddle_api.h"

// For engine_for_linking.cpp; ConfigBase does not tell.
std::string precision_asked_of_gpu = "none";

namespace paddle {
namespace lite_api {

bool IsOpenCLBackendValid(bool check_fp16_valid) {
  const char* gpu = std::getenv("GPU");
  return gpu != nullptr && (!check_fp16_valid || std::string(gpu) == "fp16");
}

ConfigBase::ConfigBase(PowerMode mode, int threads) : threads_(threads), mode_(mode) {}
void ConfigBase::set_threads(int threads) {
  threads_ = threads;
}
void ConfigBase::set_power_mode(PowerMode mode) {
  mode_ = mode;
}
void ConfigBase::set_opencl_precision(CLPrecisionType precision) {
  opencl_precision_ = precision;
  precision_asked_of_gpu = precision == CL_PRECISION_FP32   ? "fp32"
                           : precision == CL_PRECISION_FP16 ? "fp16"
                                                            : "any";
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
