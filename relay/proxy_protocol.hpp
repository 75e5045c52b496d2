// The PROXY protocol as a sender writes it: who the client is, before the client's first byte
// (haproxy's doc/proxy-protocol.txt). What is received is read by ProxyHeaderReader. PURE.
//
//   version 1  "PROXY" SP ("TCP4" | "TCP6") SP source SP destination SP port SP port CRLF (§2.1)
//   version 2  signature[12] | 0x2 version, 0x1 PROXY | family, 0x1 STREAM | length u16 | (§2.2)
//              source | destination | port u16 | port u16 | { type u8 | length u16 | value }*
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/messages.hpp"
#include "common/net/ip_address.hpp"

namespace adit::relay {

/// The first bytes of version 2.
inline constexpr std::array<std::uint8_t, 12> kProxySignature{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                              0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
/// §2.1: no line of version 1 is longer, its CRLF included.
inline constexpr std::size_t kMaxProxyLineBytes = 107;
/// A longer ALPN list is left out, so that a header with the longest name is still below 800 bytes
/// and so in one segment.
inline constexpr std::size_t kMaxSentAlpnBytes = 255;
/// §2.2.5
inline constexpr std::size_t kMaxUniqueIdBytes = 128;

/// The types of the values behind the addresses (§2.2) that are known here.
enum class ProxyTlv : std::uint8_t {
  Alpn = 0x01,
  Authority = 0x02,
  Crc32c = 0x03,
  UniqueId = 0x05
};

/// Both ends of the client's connection.
struct ProxyAddresses {
  Endpoint source;       ///< the client
  Endpoint destination;  ///< what it connected to

  bool operator==(const ProxyAddresses&) const = default;
};

/// What only version 2 carries. Borrowed for the call; what is empty is left out.
struct ProxyDetails {
  std::string_view alpn;       ///< { length u8 | name }*: what the client offers (RFC 7301 §3.1)
  std::string_view authority;  ///< the server name or HTTP host; at most 255 bytes
  std::string_view unique_id;  ///< at most kMaxUniqueIdBytes
};

/// Addresses of two families are written as IPv6, the IPv4 one mapped (::ffff:0:0/96).
[[nodiscard]] std::string proxy_line(const ProxyAddresses& addresses);
/// The PROXY command with its CRC-32C. The ALPN value is the body of the extension, its list's
/// length included ("the exact copy", §2.2.1): which protocol will be chosen is not known here.
[[nodiscard]] std::vector<std::uint8_t> proxy_header_v2(const ProxyAddresses& addresses,
                                                        const ProxyDetails& details);

/// What the relay says for itself (a health check): LOCAL in version 2; version 1 has no word for
/// it that every target takes, so its own ends are named. Empty for None.
[[nodiscard]] std::vector<std::uint8_t> own_proxy_header(control::ProxyProtocol version,
                                                         const ProxyAddresses& own);

/// A header of `version`; empty for None.
[[nodiscard]] std::vector<std::uint8_t> proxy_header(control::ProxyProtocol version,
                                                     const ProxyAddresses& addresses,
                                                     const ProxyDetails& details);

}  // namespace adit::relay
