// SHA-256 (FIPS 180-4), which no library of the NDK has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace deit {

// The digest of `size` bytes: 64 hexadecimal digits, lower case.
std::string sha256(const std::uint8_t* data, std::size_t size);

}  // namespace deit
