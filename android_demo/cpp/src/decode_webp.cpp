#include "decode.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <webp/decode.h>
#include <webp/demux.h>

#include "error.h"
#include "exif.h"

namespace deit {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Code::Picture, "the WebP " + why);
}

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

// Of the EXIF chunk, with or without the six bytes that JPEG has before the block.
int orientation_in(const WebPDemuxer* demuxer) {
  constexpr char kPrefix[] = "Exif\0";
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) return 1;
  const std::uint8_t* block = chunk.chunk.bytes;
  std::size_t size = chunk.chunk.size;
  if (size >= sizeof kPrefix && std::memcmp(block, kPrefix, sizeof kPrefix) == 0) {
    block += sizeof kPrefix;
    size -= sizeof kPrefix;
  }
  const int orientation = exif_orientation(block, size);
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

class WebpRows : public PictureRows {
 public:
  WebpRows(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) {
    const WebPData file{data, size};
    // All chunks must be there, also those after the pixels.
    const Demuxer demuxer(WebPDemux(&file), WebPDemuxDelete);
    if (demuxer == nullptr) refuse("is cut short or damaged: copy it again or save it anew");
    if ((WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & ANIMATION_FLAG) != 0) {
      refuse("is animated: save it as a still picture");
    }
    check_size(WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH),
               WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT), max_pixels);
    orientation_ = orientation_in(demuxer.get());
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(data, size, &features) != VP8_STATUS_OK) refuse("is damaged: save it anew");
    check_size(features.width, features.height, max_pixels);
    width_ = features.width;
    height_ = features.height;
    line_ = std::size_t{3} * static_cast<std::size_t>(width_);
    rgb_.resize(line_ * static_cast<std::size_t>(height_));
    if (WebPDecodeRGBInto(data, size, rgb_.data(), rgb_.size(), static_cast<int>(line_)) == nullptr) {
      refuse("is cut short or damaged: copy it again or save it anew");
    }
  }

  int width() const override { return width_; }
  int height() const override { return height_; }
  int orientation() const override { return orientation_; }

  void read(std::uint8_t* rgb) override {
    std::copy_n(rgb_.data() + row_++ * line_, line_, rgb);
  }

 private:
  int width_ = 0, height_ = 0, orientation_ = 1;
  std::size_t line_ = 0, row_ = 0;
  std::vector<std::uint8_t> rgb_;
};

}  // namespace

std::unique_ptr<PictureRows> open_webp(const std::uint8_t* data, std::size_t size, std::int64_t max_pixels) {
  const bool is_webp = size >= 12 && std::memcmp(data, "RIFF", 4) == 0 && std::memcmp(data + 8, "WEBP", 4) == 0;
  if (!is_webp) return nullptr;
  return std::make_unique<WebpRows>(data, size, max_pixels);
}

}  // namespace deit
