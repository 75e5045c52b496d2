#include "common/net/ip_address.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace adit {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/// A decimal number of at most `maximum` without sign or leading zeros.
std::optional<unsigned> parse_number(std::string_view text, unsigned maximum) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > maximum)
    return std::nullopt;
  return value;
}

bool equal_bits(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, unsigned bits) {
  const unsigned whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
  return ((a[whole] ^ b[whole]) & mask) == 0;
}

}  // namespace

IpAddress::IpAddress(std::span<const std::uint8_t> bytes) {
  assert(bytes.size() == 4 || bytes.size() == 16);
  const bool is_mapped =
      bytes.size() == 16 && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
  if (is_mapped) bytes = bytes.subspan(12);
  family_ = bytes.size() == 4 ? Family::V4 : Family::V6;
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  std::array<std::uint8_t, 16> bytes{};
  if (copy.size() == text.size() && std::strlen(copy.c_str()) == copy.size()) {
    if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
      return IpAddress(std::span(bytes).first<4>());
    }
    if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  }
  return fail(Errc::Invalid, fmt::format("\"{}\" is not an IP address", text));
}

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(bytes(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

IpAddress IpAddress::plus(std::uint32_t offset) const {
  IpAddress sum = *this;
  std::uint64_t carry = offset;
  for (std::size_t i = bytes().size(); i > 0 && carry != 0; --i) {
    carry += sum.bytes_[i - 1];
    sum.bytes_[i - 1] = static_cast<std::uint8_t>(carry & 0xff);
    carry >>= 8;
  }
  return sum;
}

IpPrefix::IpPrefix(const IpAddress& address, unsigned length) : length_(length) {
  assert(length <= address.bits());
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(address.bytes(), bytes.begin());
  for (unsigned bit = length; bit < address.bits(); ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  address_ = IpAddress(std::span<const std::uint8_t>(bytes).first(address.bytes().size()));
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return fail(Errc::Invalid, fmt::format("\"{}\" is not a network (like 10.30.0.0/24)", text));
  }
  if (slash == std::string_view::npos) return IpPrefix(*address, address->bits());
  const auto length = parse_number(text.substr(slash + 1), address->bits());
  if (!length) {
    return fail(Errc::Invalid,
                fmt::format("\"{}\" has no prefix length from 0 to {}", text, address->bits()));
  }
  const IpPrefix prefix(*address, *length);
  if (prefix.address() != *address) {
    return fail(Errc::Invalid, fmt::format("\"{}\" has host bits set; the network is {}", text,
                                           prefix.to_string()));
  }
  return prefix;
}

bool IpPrefix::contains(const IpAddress& address) const {
  return address.family() == address_.family() &&
         equal_bits(address.bytes(), address_.bytes(), length_);
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return other.length_ >= length_ && contains(other.address_);
}

bool IpPrefix::overlaps(const IpPrefix& other) const {
  return contains(other) || other.contains(*this);
}

std::string IpPrefix::to_string() const {
  return fmt::format("{}/{}", address_, length_);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto malformed = [&] {
    return fail(
        Errc::Invalid,
        fmt::format("\"{}\" is not ADDRESS:PORT (like 10.30.0.200:443 or [2001:db8::1]:443)",
                    text));
  };
  if (colon == std::string_view::npos) return malformed();
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const auto port = parse_number(text.substr(colon + 1), 65535);
  if (!address || !port || *port == 0) return malformed();
  if (is_bracketed != (host.find(':') != std::string_view::npos)) return malformed();
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

Result<Endpoint> Endpoint::from_sockaddr(const sockaddr* address, socklen_t size) {
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return Endpoint{IpAddress(bytes), ntohs(in.sin_port)};
  }
  if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return Endpoint{IpAddress(bytes), ntohs(in.sin6_port)};
  }
  return fail(Errc::Invalid, "a socket address of neither IPv4 nor IPv6");
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const {
  storage = {};
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), 4);
    std::memcpy(&storage, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  std::memcpy(&in.sin6_addr, address.bytes().data(), 16);
  std::memcpy(&storage, &in, sizeof in);
  return sizeof in;
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address, port)
                         : fmt::format("[{}]:{}", address, port);
}

}  // namespace adit
