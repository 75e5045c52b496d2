// Short spellings for bytes in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace adit::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

/// The parts one after the other.
inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Bytes prefix(std::span<const std::uint8_t> bytes, std::size_t size) {
  const auto first = bytes.first(size);
  return {first.begin(), first.end()};
}

}  // namespace adit::test
