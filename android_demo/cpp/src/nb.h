// Reads a Paddle Lite .nb without Paddle Lite, which would abort the whole process on a bad one.
//
// What lite/nb/reader.py does, as far as loading needs it; the format is described there and in lite/nb/reader.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "nb_header.h"

namespace deit {

struct NbModel {
  NbHeader header;
  std::set<std::string> targets;    // what its kernels run on: host, x86, arm, opencl, ...
  bool arm_fp16 = false;            // some kernel computes in fp16 on an ARM core, which not every core can
  std::string input;                // name of the one input
  std::vector<std::int64_t> shape;  // of the input; -1 where any size will do
  std::size_t params = 0;           // parameters in the file
};

// Reads the .nb in the `size` bytes at `data`; `name` is what messages call it. Throws Error with Code::Model
// when it is empty, cut short, of another meta version, no .nb at all, damaged, or has not just one input.
// Flipped bits inside of a parameter's data cannot be seen: the format has no checksum.
NbModel read_nb(const std::uint8_t* data, std::size_t size, const std::string& name);

}  // namespace deit
