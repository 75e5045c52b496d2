// IpAddress, IpPrefix, Endpoint: values for addresses of both families, their text and their
// sockaddr forms. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is always held as IPv4, so that one
// client has one value however it arrived.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/socket.h>

#include "common/result.hpp"

namespace adit {

class IpAddress {
 public:
  enum class Family : std::uint8_t { V4 = 4, V6 = 6 };

  /// 0.0.0.0
  IpAddress() = default;
  /// `bytes` in network order: 4 or 16 of them; anything else is a bug.
  explicit IpAddress(std::span<const std::uint8_t> bytes);
  /// Dotted quad or RFC 4291 text, without zone and brackets.
  static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }

  [[nodiscard]] bool is_v4() const { return family_ == Family::V4; }

  /// 32 or 128.
  [[nodiscard]] unsigned bits() const { return is_v4() ? 32 : 128; }

  /// 4 or 16 bytes in network order; valid as long as this object.
  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {bytes_.data(), is_v4() ? 4U : 16U};
  }

  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::string to_string() const;
  /// The address `offset` further on, carry included; for addresses handed out from a pool.
  [[nodiscard]] IpAddress plus(std::uint32_t offset) const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::V4;
  std::array<std::uint8_t, 16> bytes_{};
};

class IpPrefix {
 public:
  IpPrefix() = default;
  /// `length` ≤ address.bits(); host bits are cleared.
  IpPrefix(const IpAddress& address, unsigned length);
  /// "10.30.0.0/24"; a bare address is its own /32 or /128. Host bits that are set are an error
  /// that names the right prefix.
  static Result<IpPrefix> parse(std::string_view text);

  [[nodiscard]] const IpAddress& address() const { return address_; }

  [[nodiscard]] unsigned length() const { return length_; }

  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] bool contains(const IpPrefix& other) const;
  [[nodiscard]] bool overlaps(const IpPrefix& other) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const IpPrefix&) const = default;

 private:
  IpAddress address_;
  unsigned length_ = 0;
};

/// An address and a TCP or UDP port.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "10.0.0.1:443" or "[2001:db8::1]:443"; the port is needed and from 1 to 65535.
  static Result<Endpoint> parse(std::string_view text);
  /// From a sockaddr_in or sockaddr_in6 (mapped addresses become IPv4); Errc::Invalid for others.
  static Result<Endpoint> from_sockaddr(const sockaddr* address, socklen_t size);
  /// Fills `storage` and returns the length for bind(2) and connect(2).
  socklen_t to_sockaddr(sockaddr_storage& storage) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace adit

template <>
struct fmt::formatter<adit::IpAddress> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const adit::IpAddress& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(value.to_string(), context);
  }
};

template <>
struct fmt::formatter<adit::IpPrefix> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const adit::IpPrefix& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(value.to_string(), context);
  }
};

template <>
struct fmt::formatter<adit::Endpoint> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const adit::Endpoint& value, Context& context) const {
    return fmt::formatter<std::string_view>::format(value.to_string(), context);
  }
};
