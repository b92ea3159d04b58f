// A view of float32 values that somebody else owns.
#pragma once

#include <cstddef>

namespace deit {

struct Floats {
  const float* data = nullptr;
  std::size_t size = 0;

  const float* begin() const { return data; }
  const float* end() const { return data + size; }
};

}  // namespace deit
