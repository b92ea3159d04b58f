#include "exif.h"

#include <optional>

namespace deit {
namespace {

constexpr unsigned kOrientation = 0x0112;
constexpr std::uint64_t kEntrySize = 12;

// Numbers at offsets of a TIFF block; none outside of it.
struct Block {
  const std::uint8_t* data;
  std::size_t size;
  bool little_endian;

  bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= size && bytes <= size - offset;
  }

  std::optional<std::uint32_t> u16(std::uint64_t offset) const {
    if (!holds(offset, 2)) return std::nullopt;
    const std::uint32_t first = data[offset];
    const std::uint32_t second = data[offset + 1];
    return little_endian ? second << 8 | first : first << 8 | second;
  }

  std::optional<std::uint32_t> u32(std::uint64_t offset) const {
    const auto first = u16(offset);
    const auto second = u16(offset + 2);
    if (!first || !second) return std::nullopt;
    return little_endian ? *second << 16 | *first : *first << 16 | *second;
  }
};

// Whether the data of the entry at `offset` can be read; entries of other tags always can.
bool is_readable(const Block& block, unsigned tag, std::uint64_t offset) {
  switch (tag) {
    case 0x010E:  // ImageDescription
    case 0x010F:  // Make
    case 0x0110:  // Model
    case 0x0131:  // Software
    case 0x0132:  // DateTime
    case 0x8298:  // Copyright
    {
      const auto bytes = block.u32(offset + 4);
      if (!bytes) return false;
      // OpenCV looks for text of up to 4 bytes at offset 8 of the block.
      const auto at = *bytes > 4 ? block.u32(offset + 8) : std::optional<std::uint32_t>(8);
      return at && block.holds(*at, *bytes);
    }
    case 0x011A:  // XResolution
    case 0x011B:  // YResolution
    case 0x013E:  // WhitePoint
    case 0x013F:  // PrimaryChromaticities
    case 0x0211:  // YCbCrCoefficients
    case 0x0214:  // ReferenceBlackWhite
    {
      const unsigned rationals = tag < 0x0120 ? 1 : tag == 0x013E ? 2 : tag == 0x0211 ? 3 : 6;
      const auto at = block.u32(offset + 8);
      return at && block.holds(*at, 8 * rationals);
    }
    case kOrientation:
    case 0x0128:  // ResolutionUnit
    case 0x0213:  // YCbCrPositioning
      return block.holds(offset + 8, 2);
    default:
      return true;
  }
}

}  // namespace

int exif_orientation(const std::uint8_t* tiff, std::size_t size) {
  if (size < 2 || tiff[0] != tiff[1]) return 1;
  const Block block{tiff, size, tiff[0] == 'I'};
  const auto directory = block.u32(4);
  if (block.u16(2) != 42U || !directory) return 1;
  const auto entries = block.u16(*directory);
  std::uint64_t offset = std::uint64_t{*directory} + 2;
  for (unsigned i = 0; i < entries.value_or(0); ++i, offset += kEntrySize) {
    const auto tag = block.u16(offset);
    if (!tag || !is_readable(block, *tag, offset)) return 1;
    if (*tag == kOrientation) {
      const auto value = *block.u16(offset + 8);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  }
  return 1;
}

}  // namespace deit
