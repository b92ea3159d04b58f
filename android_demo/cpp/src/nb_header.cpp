#include "nb_header.h"

#include <algorithm>
#include <cstring>

#include "flatbuffer.h"

namespace deit {
namespace {

// Little-endian: uint16 meta version, char[16] version of opt, NUL-terminated, uint64 length of the program.
constexpr std::size_t kVersionAt = 2, kVersionBytes = 16, kProgramAt = 18;

}  // namespace

NbHeader read_nb_header(const std::uint8_t* data, std::size_t size) {
  if (size == 0) throw DamagedError("the file is empty");
  if (size < kNbHeaderBytes) throw DamagedError("it is cut short inside of the header, or something else");
  NbHeader header;
  std::uint16_t meta_version = 0;
  std::memcpy(&meta_version, data, sizeof meta_version);
  const auto* version = reinterpret_cast<const char*>(data + kVersionAt);
  header.opt_version.assign(version, std::find(version, version + kVersionBytes, '\0'));
  std::memcpy(&header.program_bytes, data + kProgramAt, sizeof header.program_bytes);
  const bool printable = std::all_of(header.opt_version.begin(), header.opt_version.end(),
                                     [](char letter) { return letter >= ' ' && letter <= '~'; });
  if (meta_version > 255 || header.opt_version.empty() || !printable) {
    throw DamagedError("it does not start like a .nb, with a meta version and opt's version");
  }
  if (meta_version != kNbMetaVersion) {
    throw DamagedError("it has meta version " + std::to_string(meta_version) + ", of opt " +
                       header.opt_version + "; this reads " + std::to_string(kNbMetaVersion));
  }
  const std::size_t there = size - kNbHeaderBytes;
  if (header.program_bytes > there) {
    throw DamagedError("it is cut short: " + std::to_string(header.program_bytes) +
                       " bytes of program announced, " + std::to_string(there) + " there");
  }
  return header;
}

}  // namespace deit
