// FieldReader: the fields of one control message or struct, and the values in them. Only for
// decode.cpp and decode_table.cpp, whose `read` for each struct has the tags of `write` in
// encode.cpp. No read goes past its bytes; false: cut off or out of range.
//
//   field: tag(2) length(4) value(length)        numbers in network byte order
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/bytes/byte_reader.hpp"
#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::control {

using Bytes = std::span<const std::uint8_t>;

inline Error malformed(std::string_view what) {
  return {Errc::Protocol, fmt::format("control message: {}", what), 0};
}

/// Calls `on_field(tag, value) -> bool` for each field; false from it, or a cut-off field, ends in
/// false.
template <class OnField>
bool for_each_field(Bytes bytes, OnField on_field) {
  ByteReader in(bytes);
  while (!in.is_at_end()) {
    const auto tag = in.u16();
    const auto length = in.u32();
    if (!tag || !length) return false;
    const auto value = in.bytes(*length);
    if (!value || !on_field(*tag, *value)) return false;
  }
  return true;
}

/// 1 to 8 bytes; who writes leaves zeros in front away.
inline bool read(Bytes bytes, std::uint64_t& out) {
  if (bytes.empty() || bytes.size() > sizeof out) return false;
  out = 0;
  for (const std::uint8_t byte : bytes) out = out << 8 | byte;
  return true;
}

template <class Number>

requires(std::is_unsigned_v<Number>) bool read(Bytes bytes, Number& out) {
  std::uint64_t wide = 0;
  if (!read(bytes, wide) || !std::in_range<Number>(wide)) return false;
  out = static_cast<Number>(wide);
  return true;
}

inline bool read(Bytes bytes, bool& out) {
  std::uint64_t wide = 0;
  if (!read(bytes, wide) || wide > 1) return false;
  out = wide == 1;
  return true;
}

inline bool read(Bytes bytes, Milliseconds& out) {
  constexpr std::uint64_t kLongest = std::uint64_t{1000} * 86'400 * 3'650;  // ten years
  std::uint64_t count = 0;
  if (!read(bytes, count) || count > kLongest) return false;
  out = Milliseconds(count);
  return true;
}

inline bool read(Bytes bytes, std::string& out) {
  out.assign(bytes.begin(), bytes.end());
  return true;
}

inline bool read(Bytes bytes, IpAddress& out) {
  if (bytes.size() != 4 && bytes.size() != 16) return false;
  out = IpAddress(bytes);
  return true;
}

/// What `read` makes a route from.
Route empty_route();  // decode_table.cpp

/// A whole prefix without host bits; decode_policy.cpp.
bool read(Bytes bytes, IpPrefix& out);

template <class T>
bool append(Bytes bytes, std::vector<T>& out) {
  return read(bytes, out.emplace_back());
}

/// An enumeration whose last value is `last`.
template <class Enum>

requires(std::is_enum_v<Enum>) bool read(Bytes bytes, Enum& out, Enum last) {
  std::uint8_t number = 0;
  if (!read(bytes, number) || number > static_cast<std::uint8_t>(last)) return false;
  out = static_cast<Enum>(number);
  return true;
}

template <class T>
bool read(Bytes bytes, Rare<T>& out) {
  T value;
  if (!read(bytes, value)) return false;
  out = std::move(value);
  return true;
}

// Structs that others hold.
bool read(Bytes bytes, ListenAddress& out);  // decode_table.cpp
bool read(Bytes bytes, Limits& out);         //
bool read(Bytes bytes, Settings& out);       //
bool read(Bytes bytes, Route& out);          //
bool read(Bytes bytes, Table& out);          //
bool read(Bytes bytes, Access& out);         // decode_policy.cpp
bool read(Bytes bytes, RouteLimits& out);    //
bool read(Bytes bytes, ListenerStats& out);  // decode.cpp
bool read(Bytes bytes, RouteStats& out);     //

}  // namespace adit::control
