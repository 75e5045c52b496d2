#include "relay/proxy_protocol.hpp"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/bytes/byte_writer.hpp"
#include "relay/crc32c.hpp"

namespace adit::relay {

namespace {

using V6Bytes = std::array<std::uint8_t, 16>;

constexpr std::uint8_t kProxyCommand = 0x21;
constexpr std::uint8_t kTcpOverIpv4 = 0x11;
constexpr std::uint8_t kTcpOverIpv6 = 0x21;

bool is_v4(const ProxyAddresses& addresses) {
  return addresses.source.address.is_v4() && addresses.destination.address.is_v4();
}

/// `address` as IPv6: an IPv4 one is mapped (RFC 4291 §2.5.5.2).
V6Bytes v6_bytes(const IpAddress& address) {
  V6Bytes bytes{};
  if (address.is_v4()) bytes[10] = bytes[11] = 0xff;
  const auto from = address.bytes();
  std::ranges::copy(from, bytes.end() - static_cast<std::ptrdiff_t>(from.size()));
  return bytes;
}

/// The line knows no dotted quads inside of an IPv6 address: §2.1 has hexadecimal groups alone.
std::string v6_text(const IpAddress& address) {
  if (!address.is_v4()) {
    std::string text = address.to_string();
    if (text.find('.') == std::string::npos) return text;
  }
  const V6Bytes bytes = v6_bytes(address);
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = (unsigned{bytes[2 * i]} << 8) | bytes[2 * i + 1];
  }
  return fmt::format("{:x}", fmt::join(groups, ":"));
}

void write_value(ByteWriter& out, ProxyTlv type, std::string_view value) {
  out.u8(static_cast<std::uint8_t>(type));
  out.u16(static_cast<std::uint16_t>(value.size()));
  out.text(value);
}

void write_alpn(ByteWriter& out, std::string_view names) {
  out.u8(static_cast<std::uint8_t>(ProxyTlv::Alpn));
  out.u16(static_cast<std::uint16_t>(names.size() + 2));
  out.u16(static_cast<std::uint16_t>(names.size()));
  out.text(names);
}

void write_addresses(ByteWriter& out, const ProxyAddresses& addresses) {
  for (const Endpoint* each : {&addresses.source, &addresses.destination}) {
    if (is_v4(addresses)) {
      out.bytes(each->address.bytes());
    } else {
      out.bytes(v6_bytes(each->address));
    }
  }
  out.u16(addresses.source.port);
  out.u16(addresses.destination.port);
}

/// Writes `value` over the bytes at `at`.
void patch(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint32_t value,
           std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
  }
}

}  // namespace

std::string proxy_line(const ProxyAddresses& addresses) {
  const auto& [source, destination] = addresses;
  if (is_v4(addresses)) {
    return fmt::format("PROXY TCP4 {} {} {} {}\r\n", source.address, destination.address,
                       source.port, destination.port);
  }
  return fmt::format("PROXY TCP6 {} {} {} {}\r\n", v6_text(source.address),
                     v6_text(destination.address), source.port, destination.port);
}

std::vector<std::uint8_t> proxy_header_v2(const ProxyAddresses& addresses,
                                          const ProxyDetails& details) {
  assert(details.authority.size() <= 255 && details.unique_id.size() <= kMaxUniqueIdBytes);
  constexpr std::size_t kLengthAt = 14;
  constexpr std::size_t kFixedBytes = 16;
  ByteWriter out;
  out.bytes(kProxySignature);
  out.u8(kProxyCommand);
  out.u8(is_v4(addresses) ? kTcpOverIpv4 : kTcpOverIpv6);
  out.u16(0);
  write_addresses(out, addresses);
  if (!details.alpn.empty() && details.alpn.size() <= kMaxSentAlpnBytes) {
    write_alpn(out, details.alpn);
  }
  if (!details.authority.empty()) write_value(out, ProxyTlv::Authority, details.authority);
  if (!details.unique_id.empty()) write_value(out, ProxyTlv::UniqueId, details.unique_id);
  write_value(out, ProxyTlv::Crc32c, std::string_view("\0\0\0\0", 4));
  std::vector<std::uint8_t> header = out.take();
  patch(header, kLengthAt, static_cast<std::uint32_t>(header.size() - kFixedBytes), 2);
  // §2.2.3: of the whole header, its own four bytes being zero.
  patch(header, header.size() - 4, crc32c(header), 4);
  return header;
}

std::vector<std::uint8_t> proxy_header(control::ProxyProtocol version,
                                       const ProxyAddresses& addresses,
                                       const ProxyDetails& details) {
  switch (version) {
    case control::ProxyProtocol::None:
      return {};
    case control::ProxyProtocol::V1: {
      const std::string line = proxy_line(addresses);
      return {line.begin(), line.end()};
    }
    case control::ProxyProtocol::V2:
      return proxy_header_v2(addresses, details);
  }
  return {};
}

std::vector<std::uint8_t> own_proxy_header(control::ProxyProtocol version,
                                           const ProxyAddresses& own) {
  constexpr std::uint8_t kLocalCommand = 0x20;
  if (version != control::ProxyProtocol::V2) return proxy_header(version, own, {});
  std::vector<std::uint8_t> header(kProxySignature.begin(), kProxySignature.end());
  header.insert(header.end(), {kLocalCommand, 0, 0, 0});  // no family, no bytes behind
  return header;
}

}  // namespace adit::relay
