// ByteReader: a bounds-checked cursor over borrowed bytes, network byte order. A read past the end
// returns nothing and leaves the cursor where it was: no caller can run over its span.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace adit {

class ByteReader {
 public:
  /// `bytes` must outlive the reader and every span that it hands out.
  explicit ByteReader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

  std::optional<std::uint8_t> u8() { return integer<std::uint8_t>(1); }

  std::optional<std::uint16_t> u16() { return integer<std::uint16_t>(2); }

  std::optional<std::uint32_t> u24() { return integer<std::uint32_t>(3); }

  std::optional<std::uint32_t> u32() { return integer<std::uint32_t>(4); }

  std::optional<std::uint64_t> u64() { return integer<std::uint64_t>(8); }

  /// The next `count` bytes, borrowed.
  std::optional<std::span<const std::uint8_t>> bytes(std::size_t count) {
    if (count > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  /// A TLS vector (RFC 8446 §3.4): a length of 1, 2 or 3 bytes, then so many bytes.
  std::optional<std::span<const std::uint8_t>> vector8() { return vector(1); }

  std::optional<std::span<const std::uint8_t>> vector16() { return vector(2); }

  std::optional<std::span<const std::uint8_t>> vector24() { return vector(3); }

 private:
  template <std::unsigned_integral T>
  std::optional<T> integer(std::size_t size) {
    if (size > rest_.size()) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = (value << 8) | rest_[i];
    rest_ = rest_.subspan(size);
    return static_cast<T>(value);
  }

  std::optional<std::span<const std::uint8_t>> vector(std::size_t length_size) {
    ByteReader ahead = *this;
    const auto length = ahead.integer<std::uint32_t>(length_size);
    if (!length) return std::nullopt;
    const auto content = ahead.bytes(*length);
    if (content) *this = ahead;
    return content;
  }

  std::span<const std::uint8_t> rest_;
};

}  // namespace adit
