// The part of Paddle Inference's public C++ API that deit_inference uses, declared for the library inside the
// paddlepaddle 2.6.2 wheel, which ships no headers. Builds with the official C++ package use its header of the
// same name instead.
//
// Names and signatures are Paddle's. Storage is there for its size and place only.
// tests/cpp/test_paddle_inference.py compares all of it with the library.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace paddle {

// More than the library's own, which writes nothing behind its end.
struct AnalysisConfig {
  AnalysisConfig();
  AnalysisConfig(const AnalysisConfig& other);
  AnalysisConfig& operator=(const AnalysisConfig& other) = delete;
  ~AnalysisConfig();

  void SetModel(const std::string& program, const std::string& parameters);
  void DisableGpu();
  void DisableGlogInfo();
  void SetCpuMathLibraryNumThreads(int threads);
  void SwitchIrOptim(int on = 1);

 private:
  alignas(64) unsigned char storage_[16384];
};

}  // namespace paddle

namespace paddle_infer {

using Config = paddle::AnalysisConfig;

// A handle of a tensor that the predictor owns.
class Tensor {
 public:
  void Reshape(const std::vector<int>& shape);
  std::vector<int> shape() const;
  const std::string& name() const;

  template <typename T>
  void CopyFromCpu(const T* data);

  template <typename T>
  void CopyToCpu(T* data) const;

 private:
  std::string name_;
  unsigned char storage_[40];
  std::string device_type_;
};

class Predictor {
 public:
  std::vector<std::string> GetInputNames();
  std::vector<std::string> GetOutputNames();
  std::unique_ptr<Tensor> GetInputHandle(const std::string& name);
  std::unique_ptr<Tensor> GetOutputHandle(const std::string& name);
  bool Run();
};

std::shared_ptr<Predictor> CreatePredictor(const Config& config);

}  // namespace paddle_infer
