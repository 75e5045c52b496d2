// ByteWriter: appends integers (network byte order) and bytes to a growing buffer.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace adit {

class ByteWriter {
 public:
  void u8(std::uint8_t value) { integer(value, 1); }

  void u16(std::uint16_t value) { integer(value, 2); }

  void u24(std::uint32_t value) { integer(value, 3); }

  void u32(std::uint32_t value) { integer(value, 4); }

  void u64(std::uint64_t value) { integer(value, 8); }

  /// The last `size` (1 to 8) bytes of `value`.
  void integer(std::uint64_t value, std::size_t size) {
    const std::size_t at = buffer_.size();
    buffer_.resize(at + size);
    for (std::size_t i = 0; i < size; ++i) {
      buffer_[at + i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
    }
  }

  void bytes(std::span<const std::uint8_t> data) {
    buffer_.insert(buffer_.end(), data.begin(), data.end());
  }

  void text(std::string_view data) { buffer_.insert(buffer_.end(), data.begin(), data.end()); }

  [[nodiscard]] std::size_t size() const { return buffer_.size(); }

  /// Room for `count` bytes in all, where about so many will come.
  void reserve(std::size_t count) { buffer_.reserve(count); }

  /// Writes `value` over the 4 bytes at `offset`, which were written before: for lengths known
  /// later.
  void patch_u32(std::size_t offset, std::uint32_t value) {
    assert(offset + 4 <= buffer_.size());
    for (std::size_t i = 0; i < 4; ++i) {
      buffer_[offset + i] = static_cast<std::uint8_t>(value >> (8 * (3 - i)));
    }
  }

  [[nodiscard]] std::span<const std::uint8_t> view() const { return buffer_; }

  /// The whole buffer; the writer is empty afterwards.
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::exchange(buffer_, {}); }

 private:
  std::vector<std::uint8_t> buffer_;
};

}  // namespace adit
