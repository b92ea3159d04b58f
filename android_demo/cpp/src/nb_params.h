// The parameters' part of a .nb: shape, type and size of each against the bytes that are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace deit {

// Names of the parameters in the `size` bytes at `data`, which they must fill to the very end. Throws
// DamagedError when they do not, or one of them is not what it says it is.
std::set<std::string> read_nb_params(const std::uint8_t* data, std::size_t size);

}  // namespace deit
