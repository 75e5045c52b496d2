// The one thing the relay ever says in TLS: a fatal alert in place of an answer that no target can
// give. A plaintext alert before the handshake is what a server would send too (RFC 8446 §6).
#pragma once

#include <array>
#include <cstdint>

namespace adit::relay {

/// AlertDescription of RFC 8446 §6 (unrecognized_name: RFC 6066 §3); the value is the wire's.
enum class Alert : std::uint8_t {
  UnexpectedMessage = 10,  ///< a record or message where only a ClientHello may stand
  RecordOverflow = 22,     ///< a record longer than 2^14 bytes
  IllegalParameter = 47,   ///< well formed, but against a rule (twice the same extension)
  AccessDenied = 49,       ///< denied, or over a limit of the route
  DecodeError = 50,        ///< lengths that do not fit, names that are not valid
  ProtocolVersion = 70,    ///< a record of another major version within a ClientHello
  InternalError = 80,      ///< the target cannot be reached
  UnrecognizedName = 112,  ///< no route for this name
};

inline constexpr std::size_t kAlertRecordBytes = 7;

/// The whole record: alert(21) | version 3.1 | length 2 | fatal(2) | description. Version 3.1 is
/// what every client takes before a version is agreed.
[[nodiscard]] std::array<std::uint8_t, kAlertRecordBytes> alert_record(Alert alert);

}  // namespace adit::relay
