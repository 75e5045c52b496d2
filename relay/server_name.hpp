// The server_name extension of a ClientHello (RFC 6066 §3): which host name it carries, if any.
// Nothing that is invalid is ever taken for "no name", because no-name may match a catch-all. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/host_name.hpp"
#include "relay/tls_alert.hpp"

namespace adit::relay {

enum class ServerNameKind : std::uint8_t {
  Name,       ///< a valid host name
  IpLiteral,  ///< an IPv4 or IPv6 address, which RFC 6066 forbids but clients send: no name
  NoName,     ///< a list without an entry of type host_name(0)
  Malformed,
};

struct ServerName {
  ServerNameKind kind = ServerNameKind::Malformed;
  std::optional<HostName> name;      ///< set exactly when `kind` is Name
  Alert alert = Alert::DecodeError;  ///< the fitting answer when `kind` is Malformed
};

/// One HostName: Name (in its normal form), IpLiteral (also in brackets or with a final dot) or
/// Malformed: empty, NUL, bytes other than letters, digits, '-', '_' and '.', labels over 63 or a
/// name over 253 bytes, an empty label.
[[nodiscard]] ServerName parse_server_name(std::span<const std::uint8_t> host_name);

/// The extension's whole body:
///   ServerNameList = length u16 | { name_type u8 | length u16 | name }+
/// Entries of unknown types are skipped (RFC 6066 §3 fixes their layout). Malformed: an empty list,
/// a length that does not fit exactly, two entries of the same type (illegal_parameter).
[[nodiscard]] ServerName parse_server_name_extension(std::span<const std::uint8_t> body);

}  // namespace adit::relay
