// CloseReason: the typed reason of every way out of a connection. Each has one counter, one word in
// the log line and one name in `Stats::closed`; the words are stable and never used again for
// something else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace adit::relay {

enum class CloseReason : std::uint8_t {
  // The connection was relayed.
  Finished,            ///< both sides closed in order
  ClientReset,         ///< the client sent RST; passed on as RST
  TargetReset,         ///< the target sent RST; passed on as RST
  ClientUnresponsive,  ///< keepalive or retransmission gave the client up, or it is unreachable
  TargetUnresponsive,  ///< likewise the target
  IdleTimeout,         ///< no byte in either direction for `timeouts.idle`
  HalfClosedTimeout,   ///< one side closed, the other was silent for `timeouts.half_closed`
  Killed,              ///< a controller ended it; both sides were reset
  RouteRemoved,        ///< its route left the table and `drain` is over
  // The relay answered by itself, as it was told to.
  Redirected,  ///< a plain HTTP request, to HTTPS
  // The client left by itself before it was relayed: no refusal.
  ClientLeftBeforeHello,      ///< not one byte came: a health check or a port scan
  ClientLeftInHello,          ///< FIN or RST after some bytes of a ClientHello
  ClientLeftWhileConnecting,  ///< while the target was dialled
  // Refused by what the client sent or is.
  RefusedNotTls,          ///< closed without an answer
  RefusedMalformedHello,  ///< decode_error or the fitting alert
  RefusedHelloTooLarge,   ///< over the reader's bounds
  RefusedHelloTimeout,    ///< hello or head were not whole within `timeouts.hello`
  RefusedMalformedHead,   ///< plain HTTP: no valid request head; status 400 or the fitting one
  RefusedHeadTooLarge,    ///< plain HTTP: over the reader's bounds; 431 or 414
  RefusedHttp2,           ///< plain HTTP: the client began with HTTP/2; GOAWAY
  RefusedNoProxyHeader,  ///< a load balancer did not begin with a PROXY header; closed, as next two
  RefusedMalformedProxyHeader,
  RefusedProxyHeaderTooLong,
  RefusedUnknownName,  ///< unrecognized_name or 404: no route for a valid name
  RefusedNoName,       ///< likewise: no name, and no catch-all on this port
  // Refused by the route's policy: access_denied; or 403, 503 and 429.
  RefusedAccessDenied,
  RefusedOverRouteLimit,
  RefusedOverRouteClientLimit,
  RefusedOverRouteClientRate,
  // Refused by the relay's: reset, at accept or (in no list of those to let in) behind the hello.
  RefusedByRelayAccess,
  // Refused before anything is known.
  RefusedOverClientLimit,  ///< reset at accept, as the next three
  RefusedOverClientRate,
  RefusedOverGlobalLimit,
  RefusedOverHelloLimit,  ///< too many connections wait for their ClientHello
  RefusedOverHoldLimit,   ///< too many wait for a site that is down: internal_error, or 502
  // The target could not be reached: alert internal_error, or status 502 or 504.
  TargetRefused,      ///< RST to our SYN
  TargetUnreachable,  ///< no kernel route, or ICMP unreachable
  TargetTimeout,      ///< no answer within `timeouts.connect`
  SiteDown,           ///< its site was not up again within `timeouts.hold`
  // Ours.
  Shutdown,          ///< the relay ends
  OutOfDescriptors,  ///< none was left for the target's socket, or no memory (EMFILE, ENFILE,
                     ///< ENOMEM)
  OutOfPorts,        ///< no source address had a port left for the target
  InternalError,     ///< a system call failed that should not
};

inline constexpr std::size_t kCloseReasonCount =
    static_cast<std::size_t>(CloseReason::InternalError) + 1;

/// "refused_unknown_name": lower case, underscores, valid for ever.
[[nodiscard]] std::string_view to_string(CloseReason reason);

/// The reason that is called so; nothing: there is none (any more, or yet).
[[nodiscard]] std::optional<CloseReason> close_reason_of(std::string_view word);

/// Whether the relay turned the client away for what it sent or is (a `Refused…` reason).
[[nodiscard]] bool is_refusal(CloseReason reason);

/// Whether the client left by itself before it was relayed (a `ClientLeft…` reason).
[[nodiscard]] bool is_early_leave(CloseReason reason);

/// Whether the client was answered here, turned away for whatever reason, or left early: it was
/// never relayed.
[[nodiscard]] bool is_unserved(CloseReason reason);

}  // namespace adit::relay
