#include "flatbuffer.h"

namespace deit {
namespace {

constexpr std::size_t kOffsetBytes = 4;
// A table of field offsets starts with its own size and the size of the table that it describes.
constexpr std::size_t kFirstField = 4;

}  // namespace

const std::uint8_t* FlatBuffer::bytes(std::size_t position, std::size_t length) const {
  if (position > size_ || length > size_ - position) throw DamagedError("an offset points outside of it");
  return data_ + position;
}

void FlatBuffer::spend(std::uint64_t steps) {
  if (steps > budget_) throw DamagedError("its tables overlap");
  budget_ -= static_cast<std::size_t>(steps);
}

Table::Table(FlatBuffer& buffer, std::size_t position) : buffer_(&buffer), position_(position) {
  buffer.spend(1);
  const std::int64_t fields =
      static_cast<std::int64_t>(position) - static_cast<std::int64_t>(buffer.load<std::int32_t>(position));
  if (fields < 0) throw DamagedError("an offset points outside of it");
  fields_ = static_cast<std::size_t>(fields);
  fields_size_ = buffer.load<std::uint16_t>(fields_);
  buffer.bytes(fields_, fields_size_);
}

std::size_t Table::byte_length(int slot) const {
  const std::size_t at = field(slot);
  if (!at) return 0;
  const std::size_t start = buffer_->follow(at);
  const std::size_t length = buffer_->load<std::uint32_t>(start);
  buffer_->bytes(start + kOffsetBytes, length);
  return length;
}

std::string_view Table::text(int slot) const {
  const std::size_t at = field(slot);
  return at ? text_at(at) : std::string_view();
}

std::vector<std::string_view> Table::texts(int slot) const {
  const Elements found = elements(slot, kOffsetBytes);
  std::vector<std::string_view> texts;
  texts.reserve(found.count);
  for (std::size_t i = 0; i < found.count; ++i) texts.push_back(text_at(found.start + i * kOffsetBytes));
  return texts;
}

std::optional<Table> Table::table(int slot) const {
  const std::size_t at = field(slot);
  if (!at) return std::nullopt;
  return Table(*buffer_, buffer_->follow(at));
}

std::vector<Table> Table::tables(int slot) const {
  const Elements found = elements(slot, kOffsetBytes);
  std::vector<Table> tables;
  tables.reserve(found.count);
  for (std::size_t i = 0; i < found.count; ++i) {
    tables.push_back(Table(*buffer_, buffer_->follow(found.start + i * kOffsetBytes)));
  }
  return tables;
}

std::size_t Table::field(int slot) const {
  const std::size_t entry = kFirstField + 2 * static_cast<std::size_t>(slot);
  if (entry + 2 > fields_size_) return 0;
  const std::uint16_t offset = buffer_->load<std::uint16_t>(fields_ + entry);
  return offset ? position_ + offset : 0;
}

Table::Elements Table::elements(int slot, std::size_t width) const {
  const std::size_t at = field(slot);
  if (!at) return {};
  const std::size_t start = buffer_->follow(at);
  const std::size_t count = buffer_->load<std::uint32_t>(start);
  buffer_->spend(std::uint64_t{count} * width);
  buffer_->bytes(start + kOffsetBytes, count * width);
  return {start + kOffsetBytes, count};
}

std::string_view Table::text_at(std::size_t position) const {
  const std::size_t start = buffer_->follow(position);
  const std::size_t length = buffer_->load<std::uint32_t>(start);
  buffer_->spend(length);
  return {reinterpret_cast<const char*>(buffer_->bytes(start + kOffsetBytes, length)), length};
}

}  // namespace deit
