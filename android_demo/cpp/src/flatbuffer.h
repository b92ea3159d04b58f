// Bounded, schema-less reading of a flatbuffer that may be hostile: what lite/nb/flatbuffer.py does.
//
// Fields are reached by slot number, their place in the schema's table; no generated code and no alignment is
// needed. Every access is checked, and a budget of as many steps as the buffer has bytes stops offsets that
// point at the same bytes again and again. All of it throws DamagedError where the bytes are no flatbuffer.
//
// By hand, since flatbuffers::Verifier proves less: it counts tables and no elements, so that tables that
// share one vector of strings cost it the square of the file's size; and what it has passed is then read in
// place, while the flatbuffers of a .nb lie at any address. What only a .nb has (kernels, attributes, a
// parameter's bytes) would be checked by hand all the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace deit {

// The bytes are not what they should be; what() says in what, to be read after "the file: ". Names that come
// from the bytes may be anything, and are quoted (shown.h).
class DamagedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The bytes of one flatbuffer, owned by somebody else, and what is left of the reading budget.
class FlatBuffer {
 public:
  FlatBuffer(const std::uint8_t* data, std::size_t size) : data_(data), size_(size), budget_(size) {}

  // The little-endian number at `position`.
  template <typename T>
  T load(std::size_t position) const {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, bytes(position, sizeof value), sizeof value);
    return value;
  }

  // `length` bytes from `position` on, all inside of the buffer.
  const std::uint8_t* bytes(std::size_t position, std::size_t length) const;

  // Where the offset stored at `position` points.
  std::size_t follow(std::size_t position) const { return position + load<std::uint32_t>(position); }

  // Takes `steps` from the budget; honest files never need more than one step a byte.
  void spend(std::uint64_t steps);

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t budget_;
};

// One table of a flatbuffer. It is a view: the FlatBuffer must outlive it.
class Table {
 public:
  static Table root(FlatBuffer& buffer) { return {buffer, buffer.follow(0)}; }

  // The scalar in `slot`, or `missing` where the writer left it out.
  template <typename T>
  T number(int slot, T missing = 0) const {
    const std::size_t at = field(slot);
    return at ? buffer_->load<T>(at) : missing;
  }

  // The vector of scalars in `slot`, none where there is none.
  template <typename T>
  std::vector<T> numbers(int slot) const {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    const Elements found = elements(slot, sizeof(T));
    std::vector<T> values(found.count);
    if (found.count) {
      std::memcpy(values.data(), buffer_->bytes(found.start, found.count * sizeof(T)),
                  found.count * sizeof(T));
    }
    return values;
  }

  // Bytes of the byte vector in `slot`, all of which lie inside of the buffer.
  std::size_t byte_length(int slot) const;

  // The string in `slot`, "" where there is none.
  std::string_view text(int slot) const;

  // The vector of strings in `slot`, none where there is none.
  std::vector<std::string_view> texts(int slot) const;

  // The table in `slot`, if there is one.
  std::optional<Table> table(int slot) const;

  // The vector of tables in `slot`, none where there is none.
  std::vector<Table> tables(int slot) const;

 private:
  struct Elements {
    std::size_t start = 0;
    std::size_t count = 0;
  };

  Table(FlatBuffer& buffer, std::size_t position);

  // Position of the field in `slot`; 0, where no field can be, if the writer left it out.
  std::size_t field(int slot) const;
  // The elements of the vector in `slot`, each `width` bytes; paid from the budget.
  Elements elements(int slot, std::size_t width) const;
  std::string_view text_at(std::size_t position) const;

  FlatBuffer* buffer_;
  std::size_t position_;
  std::size_t fields_;       // position of the table of field offsets
  std::size_t fields_size_;  // its bytes
};

}  // namespace deit
