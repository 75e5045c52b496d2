#include "controller/config/utf8.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace adit::config {

namespace {

constexpr std::size_t kMaxQuoted = 100;

bool is_control(unsigned char byte) {
  return byte < 0x20 || byte == 0x7f;
}

/// RFC 3629 §4: length of the character that `rest` begins with; 0 if it is none.
///   UTF8-2 = C2-DF tail            UTF8-3 = E0 A0-BF tail / E1-EF 2tail, without D800-DFFF
///   UTF8-4 = F0 90-BF 2tail / F1-F3 3tail / F4 80-8F 2tail
std::size_t character_length(std::string_view rest) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || rest.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  const unsigned char second = at(1);
  if (first == 0xe0 && second < 0xa0) return 0;
  if (first == 0xed && second > 0x9f) return 0;
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second > 0x8f) return 0;
  return length;
}

}  // namespace

std::optional<BadText> find_bad_text(std::string_view text) {
  Mark mark{1, 1};
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = character_length(text.substr(at));
    if (length == 0) return BadText{mark, fmt::format("byte 0x{:02x} is not UTF-8", byte)};
    if (is_control(byte) && byte != '\t' && byte != '\n' && byte != '\r') {
      return BadText{mark, fmt::format("a control character (0x{:02x})", byte)};
    }
    mark = byte == '\n' ? Mark{mark.line + 1, 1}
                        : Mark{mark.line, mark.column + static_cast<int>(length)};
    at += length;
  }
  return std::nullopt;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size() && at < kMaxQuoted) {
    const std::size_t length = character_length(text.substr(at));
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || is_control(byte)) {
      out += fmt::format("\\x{:02x}", byte);
      ++at;
    } else {
      out += text.substr(at, length);
      at += length;
    }
  }
  out += at < text.size() ? "…\"" : "\"";
  return out;
}

}  // namespace adit::config
