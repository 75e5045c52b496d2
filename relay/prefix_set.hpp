// PrefixSet: many networks of both families, and which of them is the longest around an address.
// Built whole, then immutable. PURE.
//
// Networks nest or are apart, never more. So they cut the addresses of a family into ranges, at
// most two for each network, each with the length of its innermost one; a lookup is a binary search
// in one flat array of their first addresses (10 bytes for each IPv4 network, 34 for IPv6).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/net/ip_address.hpp"

namespace adit::relay {

class PrefixSet {
 public:
  PrefixSet() = default;
  /// In any order; one that stands there twice counts once.
  explicit PrefixSet(std::span<const IpPrefix> prefixes);

  /// The length of the longest prefix that contains `address`; nullopt: none does. A client with an
  /// IPv4-mapped address is an IPv4 one (IpAddress sees to that), and no IPv6 prefix contains it.
  [[nodiscard]] std::optional<unsigned> longest(const IpAddress& address) const;

  [[nodiscard]] bool contains(const IpAddress& address) const {
    return longest(address).has_value();
  }

  [[nodiscard]] bool is_empty() const { return v4_.begins.empty() && v6_.begins.empty(); }

  /// Of the heap.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Wide {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    auto operator<=>(const Wide&) const = default;
  };

  /// Range i is from begins[i] up to begins[i + 1]; lengths[i] is that of its innermost prefix.
  template <class Number>
  struct Ranges {
    std::vector<Number> begins;
    std::vector<std::uint8_t> lengths;
  };

  template <class Number>
  struct Network;
  template <class Number>
  class Builder;

  static std::uint32_t narrow(const IpAddress& address);
  static Wide wide(const IpAddress& address);
  static std::uint32_t last_of(std::uint32_t begin, unsigned length);
  static Wide last_of(const Wide& begin, unsigned length);
  static std::optional<std::uint32_t> behind(std::uint32_t number);
  static std::optional<Wide> behind(const Wide& number);
  template <class Number>
  static Ranges<Number> build(std::vector<Network<Number>> networks);
  template <class Number>
  static std::optional<unsigned> find(const Ranges<Number>& ranges, const Number& number);

  Ranges<std::uint32_t> v4_;
  Ranges<Wide> v6_;
};

}  // namespace adit::relay
