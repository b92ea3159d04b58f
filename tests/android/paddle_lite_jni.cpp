// For the tests on this computer only: the natives of hostbuild/paddle-stubs, whose classes have the public
// interface of Paddle Lite's PaddlePredictor.jar, over the engine inside the paddlelite wheel. On a phone the
// jar and the libpaddle_lite_jni.so of Paddle Lite's own release take their place.
#include <jni.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "paddle_api.h"

namespace {

namespace lite = paddle::lite_api;

struct Predictor {
  std::shared_ptr<lite::PaddlePredictor> engine;
};

Predictor* predictor_of(jlong handle) {
  return reinterpret_cast<Predictor*>(handle);
}

// Calls the engine; what it throws becomes a RuntimeException of its first line, and `failed` the answer.
template <typename Answer, typename Call>
Answer guarded(JNIEnv* env, Answer failed, Call call) noexcept {
  try {
    return call();
  } catch (const std::exception& error) {
    env->ThrowNew(env->FindClass("java/lang/RuntimeException"), error.what());
    return failed;
  }
}

std::size_t values_of(const lite::shape_t& shape) {
  std::size_t values = 1;
  for (const std::int64_t side : shape) values *= static_cast<std::size_t>(side);
  return values;
}

}  // namespace

#define NATIVE(type, name) extern "C" JNIEXPORT type JNICALL Java_com_baidu_paddle_lite_##name

NATIVE(jlong, PaddlePredictor_load)
(JNIEnv* env, jclass, jbyteArray path, jint threads, jint power_mode) {
  return guarded(env, jlong{0}, [&] {
    std::string name(static_cast<std::size_t>(env->GetArrayLength(path)), '\0');
    env->GetByteArrayRegion(path, 0, static_cast<jsize>(name.size()), reinterpret_cast<jbyte*>(&name[0]));
    std::ifstream file(name, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + name);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    lite::MobileConfig config;
    config.set_threads(threads);
    config.set_power_mode(static_cast<lite::PowerMode>(power_mode));
    config.set_x86_math_num_threads(threads);
    config.set_model_from_buffer(bytes.data(), bytes.size());
    return reinterpret_cast<jlong>(new Predictor{lite::CreatePaddlePredictor(config)});
  });
}

NATIVE(void, PaddlePredictor_free)(JNIEnv*, jclass, jlong handle) {
  delete predictor_of(handle);
}

NATIVE(jboolean, PaddlePredictor_run)(JNIEnv* env, jclass, jlong handle) {
  return guarded(env, jboolean{JNI_FALSE}, [&] {
    predictor_of(handle)->engine->Run();
    return jboolean{JNI_TRUE};
  });
}

NATIVE(jstring, PaddlePredictor_version)(JNIEnv* env, jclass, jlong handle) {
  return env->NewStringUTF(predictor_of(handle)->engine->GetVersion().c_str());
}

NATIVE(jlongArray, Tensor_shape)(JNIEnv* env, jclass, jlong handle, jboolean input, jint index) {
  lite::PaddlePredictor& engine = *predictor_of(handle)->engine;
  const lite::shape_t shape = input ? engine.GetInput(index)->shape() : engine.GetOutput(index)->shape();
  const auto sides = static_cast<jsize>(shape.size());
  jlongArray found = env->NewLongArray(sides);
  const std::vector<jlong> copy(shape.begin(), shape.end());
  if (found != nullptr) env->SetLongArrayRegion(found, 0, sides, copy.data());
  return found;
}

NATIVE(jboolean, Tensor_resize)(JNIEnv* env, jclass, jlong handle, jint index, jlongArray dims) {
  std::vector<jlong> sides(static_cast<std::size_t>(env->GetArrayLength(dims)));
  env->GetLongArrayRegion(dims, 0, static_cast<jsize>(sides.size()), sides.data());
  predictor_of(handle)->engine->GetInput(index)->Resize(lite::shape_t(sides.begin(), sides.end()));
  return JNI_TRUE;
}

// Values for another shape are refused, as Paddle Lite's own natives do.
NATIVE(jboolean, Tensor_setFloats)(JNIEnv* env, jclass, jlong handle, jint index, jfloatArray data) {
  const std::unique_ptr<lite::Tensor> tensor = predictor_of(handle)->engine->GetInput(index);
  const jsize length = env->GetArrayLength(data);
  if (values_of(tensor->shape()) != static_cast<std::size_t>(length)) return JNI_FALSE;
  env->GetFloatArrayRegion(data, 0, length, tensor->mutable_data<float>());
  return JNI_TRUE;
}

NATIVE(jfloatArray, Tensor_getFloats)(JNIEnv* env, jclass, jlong handle, jboolean input, jint index) {
  lite::PaddlePredictor& engine = *predictor_of(handle)->engine;
  std::unique_ptr<const lite::Tensor> tensor;
  if (input) {
    tensor = engine.GetInput(index);
  } else {
    tensor = engine.GetOutput(index);
  }
  const auto values = static_cast<jsize>(values_of(tensor->shape()));
  jfloatArray found = env->NewFloatArray(values);
  if (found != nullptr) env->SetFloatArrayRegion(found, 0, values, tensor->data<float>());
  return found;
}
