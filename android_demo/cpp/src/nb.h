// Reads a Paddle Lite .nb without Paddle Lite, which would abort the whole process on a bad one.
//
// What lite/nb/reader.py does, as far as loading needs it; the format is described there and in lite/nb/reader.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace deit {

// The only meta version that engines since 2.9 write.
constexpr int kNbMetaVersion = 2;
constexpr std::size_t kNbHeaderBytes = 26;

// The first 26 bytes of a .nb: which version of the optimizer made it, and how long its program is.
struct NbHeader {
  std::string opt_version;          // such as "v2.13-rc"; the engine's own version must be the same
  std::uint64_t program_bytes = 0;  // of the program after the header, all of which is there
};

// Reads the header of a .nb of `size` bytes. Throws DamagedError when it is empty, cut short inside of the
// header or the program, of another meta version, or no .nb at all.
NbHeader read_nb_header(const std::uint8_t* data, std::size_t size);

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
