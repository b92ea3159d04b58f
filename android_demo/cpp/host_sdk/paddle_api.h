// The part of Paddle Lite's public C++ API that the core uses, declared for the engine inside the paddlelite
// 2.13rc0 wheel, which ships no headers. Builds for phones use the official header of the same name instead.
//
// Names and signatures are Paddle Lite's. Storage and virtual functions are there for their places only:
// objects and virtual tables must look as the engine's compiler laid them out. tests/cpp/test_host_sdk.py
// checks that they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace paddle {
namespace lite_api {

enum class TargetType : int { kUnk = 0, kHost = 1, kX86 = 2, kARM = 4, kOpenCL = 5, kAny = 6 };
enum class PrecisionType : int { kUnk = 0, kFloat = 1, kInt8 = 2, kFP16 = 5 };
enum class LiteModelType { kProtobuf = 0, kNaiveBuffer = 1, UNK = 2 };
enum PrecisionMode { LITE_PRECISION_NORMAL = 0, LITE_PRECISION_LOW = 1 };
enum CLTuneMode { CL_TUNE_NONE = 0 };
enum CLPrecisionType { CL_PRECISION_AUTO = 0, CL_PRECISION_FP32 = 1, CL_PRECISION_FP16 = 2 };
enum PowerMode {
  LITE_POWER_HIGH = 0,
  LITE_POWER_LOW = 1,
  LITE_POWER_FULL = 2,
  LITE_POWER_NO_BIND = 3,
  LITE_POWER_RAND_HIGH = 4,
  LITE_POWER_RAND_LOW = 5
};

bool IsOpenCLBackendValid(bool check_fp16_valid = false);

using shape_t = std::vector<int64_t>;

// A view of a tensor that the predictor owns.
struct Tensor {
  explicit Tensor(void* raw);
  explicit Tensor(const void* raw);

  void Resize(const shape_t& shape);
  shape_t shape() const;
  PrecisionType precision() const;

  template <typename T>
  const T* data() const;

  // Allocates where the shape has grown.
  template <typename T>
  T* mutable_data(TargetType type = TargetType::kHost) const;

 private:
  void* raw_tensor_;
};

class PaddlePredictor {
 public:
  PaddlePredictor() = default;

  virtual std::unique_ptr<Tensor> GetInput(int i) = 0;
  virtual std::unique_ptr<const Tensor> GetOutput(int i) const = 0;
  virtual void Run() = 0;
  virtual std::shared_ptr<PaddlePredictor> Clone() = 0;
  virtual std::shared_ptr<PaddlePredictor> Clone(const std::vector<std::string>& names) = 0;
  virtual std::string GetVersion() const = 0;
  virtual std::vector<std::string> GetInputNames() = 0;
  virtual std::vector<std::string> GetOutputNames() = 0;
  virtual std::vector<std::string> GetParamNames();
  virtual bool TryShrinkMemory() = 0;
  virtual std::unique_ptr<Tensor> GetInputByName(const std::string& name) = 0;
  virtual std::unique_ptr<const Tensor> GetTensor(const std::string& name) const = 0;
  virtual std::unique_ptr<Tensor> GetMutableTensor(const std::string& name);
  virtual void SaveOptimizedModel(const std::string& folder, LiteModelType type, bool record);
  virtual void SetStream(TargetType target, void* stream);
  virtual ~PaddlePredictor() = default;

 protected:
  int threads_{1};
  PowerMode mode_{LITE_POWER_NO_BIND};
};

class ConfigBase {
  template <typename T>
  using Named = std::map<std::string, T>;
  using Bytes = std::vector<char>;

  std::string model_dir_;
  int threads_{1};
  PowerMode mode_{LITE_POWER_NO_BIND};
  CLTuneMode opencl_tune_mode_{CL_TUNE_NONE};
  std::string opencl_binary_[2];
  CLPrecisionType opencl_precision_{CL_PRECISION_AUTO};
  std::string subgraph_cache_dir_;
  Named<std::pair<Bytes, Bytes>> subgraph_cache_buffers_;
  std::vector<std::string> nnadapter_devices_;
  std::string nnadapter_properties_;
  int (*nnadapter_callback_)(int, void*){nullptr};
  std::string nnadapter_cache_dir_;
  Named<std::vector<std::vector<int64_t>>> nnadapter_shapes_;
  Named<Bytes> nnadapter_cache_buffers_;
  int device_id_{0};
  int x86_math_threads_{1};
  std::string metal_path_;
  bool metal_flags_[2]{};
  void* metal_device_{nullptr};
  bool metal_reuse_{false};
  std::vector<std::string> discarded_passes_;
  std::map<TargetType, std::shared_ptr<void>> target_configs_;

 public:
  explicit ConfigBase(PowerMode mode = LITE_POWER_NO_BIND, int threads = 1);

  // Both change nothing but on ARM, where they also bind the calling thread to cores.
  void set_threads(int threads);
  void set_power_mode(PowerMode mode);
  int threads() const { return threads_; }
  PowerMode power_mode() const { return mode_; }

  // What a GPU computes in, for every network of the process from then on; nothing where there is no OpenCL.
  void set_opencl_precision(CLPrecisionType precision = CL_PRECISION_AUTO);

  // In engines for x86 only.
  void set_x86_math_num_threads(int threads);
  int x86_math_num_threads() const;
};

class MobileConfig : public ConfigBase {
  bool model_from_memory_{false};
  PrecisionMode precision_mode_{LITE_PRECISION_NORMAL};
  std::string model_file_;
  const char* model_buffer_{nullptr};
  size_t model_buffer_size_{0};
  std::string old_buffers_[2];

 public:
  // The bytes are not copied; they must stay until the predictor has been created, not longer.
  void set_model_from_buffer(const char* buffer, size_t length);
  const char* lite_model_buffer_ptr() const { return model_buffer_; }
  size_t lite_model_buffer_size() const { return model_buffer_size_; }
  bool is_model_from_memory() const { return model_from_memory_; }
};

template <typename ConfigT>
std::shared_ptr<PaddlePredictor> CreatePaddlePredictor(const ConfigT& config);

}  // namespace lite_api
}  // namespace paddle
