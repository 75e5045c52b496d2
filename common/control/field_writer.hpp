// FieldWriter: the fields of one control message or struct, as bytes. Only for the encode*.cpp
// files, whose `write` for each struct has the tags of `read` in the decode*.cpp files.
//
//   field: tag(2) length(4) value(length)        numbers in network byte order, without leading
//   zeros
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "common/bytes/byte_writer.hpp"
#include "common/net/ip_address.hpp"

namespace adit::control {

class FieldWriter {
 public:
  /// Appends to `out`, which must outlive it.
  explicit FieldWriter(ByteWriter& out) : out_(out) {}

  void number(std::uint16_t tag, std::uint64_t value) {
    const std::size_t bytes = std::max<std::size_t>((std::bit_width(value) + 7) / 8, 1);
    header(tag, bytes);
    out_.integer(value, bytes);
  }

  void number_unless_0(std::uint16_t tag, std::uint64_t value) {
    if (value != 0) number(tag, value);
  }

  void text(std::uint16_t tag, std::string_view value) {
    header(tag, value.size());
    out_.text(value);
  }

  void address(std::uint16_t tag, const IpAddress& value) {
    header(tag, value.bytes().size());
    out_.bytes(value.bytes());
  }

  /// A nested value of fields, written by `write(FieldWriter&)`.
  template <class Write>
  void nested(std::uint16_t tag, Write write) {
    out_.u16(tag);
    const std::size_t length_at = out_.size();
    out_.u32(0);
    FieldWriter inner(out_);
    write(inner);
    out_.patch_u32(length_at, static_cast<std::uint32_t>(out_.size() - length_at - 4));
  }

 private:
  void header(std::uint16_t tag, std::size_t length) {
    out_.u16(tag);
    out_.u32(static_cast<std::uint32_t>(length));
  }

  ByteWriter& out_;
};

}  // namespace adit::control
