#include "nb_params.h"

#include <algorithm>
#include <optional>

#include "flatbuffer.h"
#include "shown.h"

namespace deit {
namespace {

constexpr int kName = 1, kKind = 2, kTensor = 3;
constexpr int kDims = 2, kType = 3, kData = 4;
constexpr std::uint8_t kIsTensor = 1;
// More than a record, whose length has 32 bits, can hold; a product of both does not pass 64 bits.
constexpr std::int64_t kMostValues = std::int64_t{1} << 31;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;

// Bytes of one element of a VarType number, 0 for one that no tensor has.
std::size_t width_of(std::int32_t type) {
  switch (type) {
    case 0:   // bool
    case 20:  // uint8
    case 21:  // int8
      return 1;
    case 1:  // int16
    case 4:  // float16
      return 2;
    case 2:  // int32
    case 5:  // float32
      return 4;
    case 3:  // int64
    case 6:  // float64
      return 8;
    default:
      return 0;
  }
}

std::string read_param(const std::uint8_t* data, std::size_t size) {
  FlatBuffer buffer(data, size);
  const Table param = Table::root(buffer);
  const std::string name(param.text(kName));
  const std::optional<Table> tensor = param.table(kTensor);
  if (!tensor || param.number<std::uint8_t>(kKind) != kIsTensor) {
    throw DamagedError("parameter " + quoted(name) + " holds no tensor");
  }
  std::uint64_t bytes = width_of(tensor->number<std::int32_t>(kType));
  if (bytes == 0) throw DamagedError("parameter " + quoted(name) + " has a type that is unknown");
  for (const std::int64_t dim : tensor->numbers<std::int64_t>(kDims)) {
    if (dim < 0 || dim > kMostValues) throw DamagedError("parameter " + quoted(name) + " has an impossible shape");
    bytes = std::min(bytes * static_cast<std::uint64_t>(dim), kMostBytes);
  }
  const std::size_t length = tensor->byte_length(kData);
  if (bytes != length) {
    throw DamagedError("parameter " + quoted(name) + " has the shape of " + std::to_string(bytes) +
                       " bytes but holds " + std::to_string(length));
  }
  return name;
}

}  // namespace

std::set<std::string> read_nb_params(const std::uint8_t* data, std::size_t size) {
  FlatBuffer file(data, size);
  const auto version = file.load<std::uint16_t>(0);
  if (version != 0) {
    throw DamagedError("its parameters have version " + std::to_string(version) + " where 0 is known");
  }
  std::size_t at = 4 + std::size_t{file.load<std::uint16_t>(2)};
  const std::size_t header_bytes = file.load<std::uint16_t>(at);
  const std::size_t count = file.load<std::uint16_t>(at + 2);
  const std::size_t largest = file.load<std::uint32_t>(at + 4);
  // The engine allocates that much before it looks at any of them.
  if (header_bytes < 6) throw DamagedError("its parameters' header is damaged");
  if (largest > size) {
    throw DamagedError("it is cut short, or its parameters' header is damaged: the largest would take " +
                       std::to_string(largest) + " bytes, and all of them have " + std::to_string(size));
  }
  at += 2 + header_bytes;
  std::set<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string which = "parameter " + std::to_string(i + 1) + " of " + std::to_string(count);
    if (at > size || size - at < 8) throw DamagedError("it is cut short: " + which + " is not all there");
    const std::size_t total = file.load<std::uint32_t>(at);
    const std::size_t offset = file.load<std::uint32_t>(at + 4);
    if (total > size - at - 4) throw DamagedError("it is cut short: " + which + " is not all there");
    if (offset < 4 || offset > total) throw DamagedError(which + " has an impossible offset");
    const std::string name = read_param(data + at + 4 + offset, total - offset);
    if (!names.insert(name).second) throw DamagedError("parameter " + quoted(name) + " is there twice");
    at += 4 + total;
  }
  if (at != size) {
    throw DamagedError("its end is not where the last of its " + std::to_string(count) + " parameters ends");
  }
  return names;
}

}  // namespace deit
