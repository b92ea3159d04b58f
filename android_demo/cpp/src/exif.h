// The orientation that a camera noted in a picture's EXIF block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace deit {

// EXIF tag 0x0112 of the block at `tiff` (from "II" or "MM" on), 1 to 8; 1, which is upright, if there is
// none or the block is damaged. What counts as damaged is what OpenCV 4.6 takes for it: reading ends at a
// known tag whose data lie outside the block. By hand, since EXIF libraries read on there: such a picture
// would be turned here and not in Python.
int exif_orientation(const std::uint8_t* tiff, std::size_t size);

}  // namespace deit
