// One code point at a time out of UTF-8 (RFC 3629). PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace adit::cli {

struct CodePoint {
  char32_t value = 0;      ///< of no meaning unless `is_valid`
  std::size_t length = 1;  ///< bytes it takes; 1 for a byte that is not UTF-8
  bool is_valid = false;
};

/// The code point that `text` begins with; `text` is not empty. Over-long forms, surrogates and
/// what lies beyond U+10FFFF are not valid.
inline CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  auto value = static_cast<char32_t>(lead & (0xFF >> (length + 1)));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || value > 0x10FFFF || is_surrogate) return {};
  return {value, length, true};
}

}  // namespace adit::cli
