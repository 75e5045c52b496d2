// What the controller and the relay say to each other on the relay's Unix socket, as values. The
// relay listens; the controller asks, the relay answers each request once, with the request's id.
// Encoding and framing: codec.hpp, frame.hpp. Neither side needs the other to be of the same
// version.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/clock.hpp"
#include "common/control/connection_messages.hpp"
#include "common/control/policy.hpp"
#include "common/host_name.hpp"
#include "common/net/ip_address.hpp"
#include "common/rare.hpp"

namespace adit::control {

/// The newest protocol version this build speaks, and the oldest that it still understands (N−1).
inline constexpr std::uint16_t kProtocolVersion = 1;
inline constexpr std::uint16_t kOldestProtocolVersion = 1;

/// What clients speak on a port. The value is the wire's.
enum class Protocol : std::uint8_t {
  Tls = 0,   ///< routed by the server name of the ClientHello
  Http = 1,  ///< plain HTTP/1, routed by the host of the first request
  Raw = 2,   ///< anything: all go to the port's one route, and nothing is read before its target
             ///< is dialled, as the server may be the first to speak
};

/// "tls", "http" or "raw".
[[nodiscard]] constexpr std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::Http:
      return "http";
    case Protocol::Raw:
      return "raw";
    case Protocol::Tls:
      break;
  }
  return "tls";
}

/// A configured public port; with 0 the kernel chooses one for each protocol.
struct PublicPort {
  std::uint16_t number = 0;
  Protocol protocol = Protocol::Tls;

  auto operator<=>(const PublicPort&) const = default;
};

/// One place where clients arrive: a configured address and port, and what they speak there. This
/// is the listener's identity, also when `port` is 0 and the kernel chooses the real one.
struct ListenAddress {
  IpAddress address;  ///< "::" is dual-stack
  std::uint16_t port = 0;
  Protocol protocol = Protocol::Tls;

  [[nodiscard]] PublicPort public_port() const { return {port, protocol}; }

  auto operator<=>(const ListenAddress&) const = default;
};

/// The most targets that one route may have, and the most further addresses to dial from.
inline constexpr std::size_t kMaxTargets = 32;
inline constexpr std::size_t kMaxSourceAddresses = 64;

/// A target with its share among the targets of a route. Those with a weight share the connections
/// in its proportion; those of weight 0 take over, in their order, when none of the others is
/// healthy. So a list in which every weight is 0 is an ordered one: the first healthy target.
struct Target {
  Endpoint endpoint;
  std::uint16_t weight = 1;

  bool operator==(const Target&) const = default;
};

/// How the relay finds out whether the targets of a route are alive; failed connections count
/// always. The value is the wire's.
enum class HealthCheck : std::uint8_t {
  None = 0,
  Tcp = 1,  ///< a connection that is accepted
  Tls = 2,  ///< and a ClientHello that is answered with a handshake or an alert
};

/// What becomes of a plain HTTP request. ACME challenges go to the target either way. The value is
/// the wire's.
enum class HttpAction : std::uint8_t {
  Redirect = 0,  ///< answered by the relay: the same with https, on the route's port
  Forward = 1,   ///< to the target, with the whole connection
};

/// Whether a target is told who the client is, before the client's first byte (haproxy's
/// doc/proxy-protocol.txt). The value is the wire's.
enum class ProxyProtocol : std::uint8_t { None = 0, V1 = 1, V2 = 2 };

/// Where clients go that offer `protocol` in their ClientHello (RFC 7301).
struct AlpnTarget {
  std::string protocol;  ///< 1 to 255 bytes
  Endpoint target;

  bool operator==(const AlpnTarget&) const = default;
};

/// What a route does on a port of plain HTTP.
struct PlainHttp {
  std::uint16_t port = 80;  ///< configured public port; 0 lets the kernel choose
  HttpAction action = HttpAction::Redirect;
  Endpoint target;  ///< of ACME challenges, and of what is forwarded
  ProxyProtocol proxy_protocol = ProxyProtocol::None;  ///< to `target`

  bool operator==(const PlainHttp&) const = default;
};

/// The site of targets that the relay reaches without a tunnel.
inline constexpr std::string_view kDirectSite = "direct";

/// Server name (on a public port) -> targets, with their policy.
struct Route {
  std::string name;          ///< stable over revisions, unique in a table: "host/app.example.com"
  HostPattern pattern;       ///< which server names and HTTP hosts it serves
  std::uint16_t port = 443;  ///< configured public port; 0 lets the kernel choose
  HealthCheck check = HealthCheck::None;
  std::string site;
  std::vector<Target> targets;  ///< at least one, at most kMaxTargets
  Milliseconds drain{5000};     ///< how long its connections may go on after its removal
  std::optional<PlainHttp> http = std::nullopt;        ///< nothing: plain HTTP does not know it
  ProxyProtocol proxy_protocol = ProxyProtocol::None;  ///< to `targets` and those of `alpn`
  std::vector<AlpnTarget> alpn = {};  ///< instead of `targets`: the first one that a client offers
  /// Of `port`: Tls, or Raw, which has the pattern "*" and no `http`.
  Protocol protocol = Protocol::Tls;
  Rare<Access> access = {};
  Rare<RouteLimits> limits = {};

  [[nodiscard]] PublicPort public_port() const { return {port, protocol}; }

  /// Whether clients of `on` are its.
  [[nodiscard]] bool is_on(const PublicPort& on) const {
    if (on.protocol == Protocol::Http) return http && http->port == on.number;
    return public_port() == on;
  }

  bool operator==(const Route&) const = default;
};

struct Timeouts {
  Milliseconds hello{10'000};
  Milliseconds connect{5'000};
  Milliseconds hold{30'000};
  Milliseconds idle{3'600'000};
  Milliseconds half_closed{300'000};

  bool operator==(const Timeouts&) const = default;
};

/// 0 would mean "none at all", so every limit is at least 1.
struct Limits {
  std::uint32_t connections = 20'000;
  std::uint32_t connections_per_client = 200;
  std::uint32_t rate_per_client = 100;  ///< new connections per second

  bool operator==(const Limits&) const = default;
};

struct Settings {
  std::vector<IpAddress> addresses;  ///< where every route's port is listened on
  Timeouts timeouts;
  Limits limits;
  Privacy privacy = Privacy::Full;
  /// Load balancers, whose connections begin with a PROXY header that is believed.
  std::vector<IpPrefix> accept_proxy = {};
  /// Further addresses of this machine to dial the targets of sites from (but kDirectSite):
  /// each has the kernel's range of ports for each target once more.
  std::vector<IpAddress> source_addresses = {};
  Rare<Access> access = {};            ///< for every route: `allow` and `deny` only
  std::vector<IpPrefix> devices = {};  ///< from where devices come
  std::string tunnel = {};             ///< the interface that they come by; empty: none does

  bool operator==(const Settings&) const = default;
};

/// The whole route table: what `check` and `set` carry and what the relay caches on its disk.
struct Table {
  std::uint64_t revision = 0;
  Settings settings;
  std::vector<Route> routes;

  bool operator==(const Table&) const = default;
};

/// First message of both sides.
struct Hello {
  std::uint16_t oldest_version = kOldestProtocolVersion;
  std::uint16_t newest_version = kProtocolVersion;
  std::string software;  ///< "adit-controller 0.1.0"

  bool operator==(const Hello&) const = default;
};

struct HelloReply {
  std::uint16_t version = kProtocolVersion;  ///< what both speak from here on
  std::string software;

  bool operator==(const HelloReply&) const = default;
};

/// Would `table` work here? Binds (without listening) the ports it needs and keeps them 30 s.
struct Check {
  Table table;
  bool operator==(const Check&) const = default;
};

struct CheckReply {
  std::vector<std::string> problems;  ///< empty: yes
  bool operator==(const CheckReply&) const = default;
};

/// Make `table` live.
struct Set {
  Table table;
  /// control::digest(table) as the controller computes it, for Stats; 0: the relay computes it. A
  /// relay of another version, which may not know every field of the table, could not.
  std::uint64_t digest = 0;

  bool operator==(const Set&) const = default;
};

/// Sent when every worker runs the table and it is on disk.
struct SetReply {
  std::vector<std::string> problems;  ///< not empty: refused, the old table goes on
  std::string warning;                ///< live, but ("cache not written: ...; cannot listen ...")
  std::uint64_t revision = 0;         ///< of the table that is live now

  bool operator==(const SetReply&) const = default;
};

struct StatsRequest {
  bool operator==(const StatsRequest&) const = default;
};

struct ListenerStats {
  ListenAddress configured;
  std::uint16_t bound_port = 0;  ///< 0: not bound
  std::string problem;           ///< why nobody listens there; retried

  bool operator==(const ListenerStats&) const = default;
};

struct RouteStats {
  std::string name;
  std::uint64_t active = 0;
  std::uint64_t connections = 0;
  std::uint64_t bytes_to_target = 0;
  std::uint64_t bytes_to_client = 0;

  bool operator==(const RouteStats&) const = default;
};

/// Whether a protection of the data process is in force. The value is the wire's.
enum class Protection : std::uint8_t {
  Unknown = 0,
  On = 1,
  Off = 2,      ///< by an option of adit-relay
  Missing = 3,  ///< the kernel has none
};

/// "on", "off", "missing", or "" for one that is not known.
[[nodiscard]] constexpr std::string_view to_string(Protection protection) {
  switch (protection) {
    case Protection::On:
      return "on";
    case Protection::Off:
      return "off";
    case Protection::Missing:
      return "missing";
    case Protection::Unknown:
      break;
  }
  return "";
}

struct Sandbox {
  Protection seccomp = Protection::Unknown;
  Protection landlock = Protection::Unknown;

  bool operator==(const Sandbox&) const = default;
};

struct Stats {
  std::string software;
  std::uint32_t supervisor_pid = 0;
  std::uint32_t data_pid = 0;
  std::uint64_t revision = 0;      ///< 0: no table yet
  std::uint64_t table_digest = 0;  ///< what came with the live table, see Set; 0: none
  std::uint32_t workers = 0;
  std::uint64_t active = 0;
  std::uint64_t accepted = 0;
  std::uint64_t bytes_to_target = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t spliced_bytes = 0;
  Limits effective_limits;                      ///< after what RLIMIT_NOFILE allows
  std::map<std::string, std::uint64_t> closed;  ///< by typed reason, e.g. "refused_unknown_name"
  std::vector<ListenerStats> listeners;
  std::uint64_t route_count = 0;        ///< of the live table
  std::vector<RouteStats> routes;       ///< those of them that have counted anything, by name
  std::vector<std::string> sites_down;  ///< as last told (SiteState), sorted
  Sandbox sandbox;
  std::string cache_problem;  ///< why the live table is not on the relay's disk; empty: it is

  bool operator==(const Stats&) const = default;
};

/// Which sites' tunnels are down now; all others are up. New clients of a site that is down wait,
/// for timeouts.hold, until it is up. A relay that was told nothing takes every site for up.
struct SiteState {
  std::vector<std::string> down;
  bool operator==(const SiteState&) const = default;
};

struct SiteStateReply {
  bool operator==(const SiteStateReply&) const = default;
};

/// Start the program on disk in place of the running one, with all its connections, as SIGHUP does.
/// Answered before it happens; whether it has is shown by another Stats::data_pid.
struct Reload {
  bool operator==(const Reload&) const = default;
};

struct ReloadReply {
  bool operator==(const ReloadReply&) const = default;
};

struct HealthRequest {
  bool operator==(const HealthRequest&) const = default;
};

/// What the relay thinks of a target. The value is the wire's.
enum class TargetState : std::uint8_t {
  Untested = 0,  ///< neither dialled nor checked yet: used as a healthy one
  Healthy = 1,
  Failing = 2,  ///< its last connection or check failed, but not enough of them
  Down = 3,     ///< dialled when no other is left, and now and then to see
};

/// One target of one route that has several, or a check.
struct TargetHealth {
  std::string route;
  Endpoint target;
  TargetState state = TargetState::Untested;
  Milliseconds since{0};       ///< how long it has been in this state
  std::uint32_t failures = 0;  ///< consecutive ones, of connections and of checks
  std::string last_error;      ///< "connection refused"; stays when it is healthy again
  std::optional<Milliseconds> last_connected = std::nullopt;  ///< how long ago; nothing: never
  std::uint32_t connect_us = 0;  ///< how long the last connection took to be accepted

  bool operator==(const TargetHealth&) const = default;
};

/// By route in the table's order, then by target in the route's.
struct HealthReply {
  std::vector<TargetHealth> targets;

  bool operator==(const HealthReply&) const = default;
};

/// The answer to what could not be understood or done.
struct Failure {
  std::string what;
  bool is_passing = false;  ///< the same question will do soon (the relay reloads)
  bool operator==(const Failure&) const = default;
};

using Message =
    std::variant<Hello, HelloReply, Check, CheckReply, Set, SetReply, StatsRequest, Stats,
                 HealthRequest, HealthReply, ConnectionsRequest, Connections, RecordsRequest,
                 Records, Kill, KillReply, SiteState, SiteStateReply, Reload, ReloadReply, Failure>;

}  // namespace adit::control
