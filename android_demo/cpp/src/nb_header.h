// The first 26 bytes of a Paddle Lite .nb: what it is and which version of the optimizer made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace deit {

// The only meta version that engines since 2.9 write.
constexpr int kNbMetaVersion = 2;
constexpr std::size_t kNbHeaderBytes = 26;

struct NbHeader {
  std::string opt_version;          // such as "v2.13-rc"; the engine's own version must be the same
  std::uint64_t program_bytes = 0;  // of the program behind the header, all of which is there
};

// Reads the header of a .nb of `size` bytes. Throws DamagedError when it is empty, cut short inside of the
// header or the program, of another meta version, or no .nb at all.
NbHeader read_nb_header(const std::uint8_t* data, std::size_t size);

}  // namespace deit
