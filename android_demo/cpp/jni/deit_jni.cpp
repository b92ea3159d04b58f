// The natives of com.example.deit.classify.NativeCore over the core's C boundary. No exception crosses:
// every native gives a deit_code and writes its message, UTF-8 ended by NUL, into a byte array of Java's.
// Strings go as bytes of UTF-8, since the JNI's own strings write what is beyond the BMP in another way.
#include <jni.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "c_api.h"

namespace {

constexpr std::size_t kMessageBytes = 1024;

deit_classifier* classifier_of(jlong handle) {
  return reinterpret_cast<deit_classifier*>(static_cast<std::intptr_t>(handle));
}

std::string text_of(JNIEnv* env, jbyteArray bytes) {
  std::string text(static_cast<std::size_t>(env->GetArrayLength(bytes)), '\0');
  env->GetByteArrayRegion(bytes, 0, static_cast<jsize>(text.size()), reinterpret_cast<jbyte*>(&text[0]));
  return text;
}

// A copy as a byte array of Java's; null for null, and with an exception pending where memory is out.
jbyteArray bytes_of(JNIEnv* env, const char* text) {
  if (text == nullptr) return nullptr;
  const auto size = static_cast<jsize>(std::strlen(text));
  jbyteArray bytes = env->NewByteArray(size);
  if (bytes != nullptr) env->SetByteArrayRegion(bytes, 0, size, reinterpret_cast<const jbyte*>(text));
  return bytes;
}

// Calls `call(buffer, size)` for a deit_code and hands the message on to Java.
template <typename Call>
jint with_message(JNIEnv* env, jbyteArray to, Call call) noexcept {
  char message[kMessageBytes] = "";
  deit_code code;
  try {
    code = call(message, sizeof message);
  } catch (const std::exception&) {
    // Only memory can be wanting here: the core lets nothing through.
    code = DEIT_MEMORY;
    std::strcpy(message, "out of memory: give a smaller picture or network");
  }
  if (code != DEIT_OK && !env->ExceptionCheck()) {
    const auto size = std::min<jsize>(static_cast<jsize>(std::strlen(message)), env->GetArrayLength(to));
    env->SetByteArrayRegion(to, 0, size, reinterpret_cast<const jbyte*>(message));
  }
  return code;
}

// Asks a java.util.function.BooleanSupplier between runs; its exception ends the bench and stays pending.
struct Question {
  JNIEnv* env;
  jobject supplier;
  jmethodID method;
};

int is_cancelled(void* context) {
  const auto* question = static_cast<const Question*>(context);
  const jboolean answer = question->env->CallBooleanMethod(question->supplier, question->method);
  return question->env->ExceptionCheck() || answer == JNI_TRUE;
}

}  // namespace

#define NATIVE(type, name) extern "C" JNIEXPORT type JNICALL Java_com_example_deit_classify_NativeCore_##name

NATIVE(jint, open)
(JNIEnv* env, jclass, jbyteArray folder, jbyteArray model, jint threads, jbyteArray power_mode,
 jlongArray handle, jbyteArray message) {
  return with_message(env, message, [&](char* buffer, std::size_t size) {
    deit_classifier* classifier = nullptr;
    const deit_code code = deit_open(text_of(env, folder).c_str(), text_of(env, model).c_str(), threads,
                                     text_of(env, power_mode).c_str(), &classifier, buffer, size);
    const auto opened = static_cast<jlong>(reinterpret_cast<std::intptr_t>(classifier));
    env->SetLongArrayRegion(handle, 0, 1, &opened);
    return code;
  });
}

NATIVE(void, close)(JNIEnv*, jclass, jlong handle) {
  deit_close(classifier_of(handle));
}

NATIVE(jbyteArray, facts)(JNIEnv* env, jclass, jlong handle) {
  return bytes_of(env, deit_facts(classifier_of(handle)));
}

NATIVE(jbyteArray, label)(JNIEnv* env, jclass, jlong handle, jint index) {
  return bytes_of(env, deit_label(classifier_of(handle), index));
}

// `pixels` is a direct buffer of RGBA, read in place. `classes`, `logits` and `probabilities` are as long as
// there is room for classes; `times` gets preprocess_ms and inference_ms.
NATIVE(jint, classify)
(JNIEnv* env, jclass, jlong handle, jobject pixels, jint width, jint height, jint stride, jintArray classes,
 jfloatArray logits, jdoubleArray probabilities, jdoubleArray times, jbyteArray message) {
  return with_message(env, message, [&](char* buffer, std::size_t size) {
    auto count = static_cast<std::size_t>(env->GetArrayLength(classes));
    // One more, since nothing has no address and the core asks for one.
    std::vector<deit_guess> guesses(count + 1);
    deit_times taken{};
    const deit_code code = deit_classify_pixels(
        classifier_of(handle), static_cast<const std::uint8_t*>(env->GetDirectBufferAddress(pixels)), width,
        height, stride, 4, guesses.data(), &count, &taken, buffer, size);
    if (code != DEIT_OK) return code;
    for (std::size_t i = 0; i < count; ++i) {
      const deit_guess& guess = guesses[i];
      const auto at = static_cast<jsize>(i);
      const jint index = guess.index;
      env->SetIntArrayRegion(classes, at, 1, &index);
      env->SetFloatArrayRegion(logits, at, 1, &guess.logit);
      env->SetDoubleArrayRegion(probabilities, at, 1, &guess.probability);
    }
    const jdouble milliseconds[] = {taken.preprocess_ms, taken.inference_ms};
    env->SetDoubleArrayRegion(times, 0, 2, milliseconds);
    return code;
  });
}

NATIVE(jint, logits)(JNIEnv* env, jclass, jlong handle, jfloatArray logits, jbyteArray message) {
  return with_message(env, message, [&](char* buffer, std::size_t size) {
    std::vector<float> values(static_cast<std::size_t>(env->GetArrayLength(logits)));
    const deit_code code = deit_logits(classifier_of(handle), values.data(), values.size(), buffer, size);
    if (code == DEIT_OK) {
      env->SetFloatArrayRegion(logits, 0, static_cast<jsize>(values.size()), values.data());
    }
    return code;
  });
}

// `latencies` is `repeats` long; `measured` gets the number of measured runs.
NATIVE(jint, bench)
(JNIEnv* env, jclass, jlong handle, jint warmup, jint repeats, jobject cancelled, jdoubleArray latencies,
 jintArray measured, jbyteArray message) {
  return with_message(env, message, [&](char* buffer, std::size_t size) {
    const jclass supplier = env->GetObjectClass(cancelled);
    Question question{env, cancelled, env->GetMethodID(supplier, "getAsBoolean", "()Z")};
    if (question.method == nullptr) return DEIT_USAGE;  // with NoSuchMethodError pending
    std::vector<double> values(static_cast<std::size_t>(env->GetArrayLength(latencies)) + 1);
    deit_runs done{};
    const deit_code code = deit_bench(classifier_of(handle), warmup, repeats, is_cancelled, &question,
                                      values.data(), &done, buffer, size);
    if (code != DEIT_OK || env->ExceptionCheck()) return code;
    env->SetDoubleArrayRegion(latencies, 0, static_cast<jsize>(done.measured), values.data());
    const auto count = static_cast<jint>(done.measured);
    env->SetIntArrayRegion(measured, 0, 1, &count);
    return code;
  });
}
