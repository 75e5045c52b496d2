// ConnectionState: everything of a Connection that is not in the kernel, as it goes to a successor
// (takeover.hpp). PURE.
//
//   record   size u32 | version u16 | size of the flat part u16 | flat | host | route | reason |
//            own route | hello | PROXY header
//   flat     ConnectionFlat as it lies in memory: both processes are on this machine
//
// `size` counts the whole record. ConnectionFlat only ever grows at its end: a reader takes what it
// knows of a longer one and finds zeros where a shorter one ends, so zero must mean what was before
// the member came. Anything else is another kVersion, which a successor refuses: connections then
// stay where they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "common/result.hpp"

namespace adit::relay {

/// Bits of ConnectionFlat::flags.
enum ConnectionFlag : std::uint32_t {
  kHasTarget = 1U << 0,  ///< there is a socket to it
  kClientEarly = 1U << 1,
  kClientHungUp = 1U << 2,
  kClientNoisy = 1U << 3,
  kTargetHungUp = 1U << 4,
  kTargetNoisy = 1U << 5,
  kToTargetBlocked = 1U << 6,
  kToTargetFinished = 1U << 7,
  kToTargetExpectsReset = 1U << 8,
  kToClientBlocked = 1U << 9,
  kToClientFinished = 1U << 10,
  kToClientExpectsReset = 1U << 11,
  kAwaitsProxyHeader = 1U << 12,
  kUnnamed = 1U << 13,
  kHasSeat = 1U << 14,
  kOneRequest = 1U << 15,
  kToTargetThrottled = 1U << 16,  ///< until the deadline, as the next
  kToClientThrottled = 1U << 17,
};

/// Times go over as nanoseconds of CLOCK_MONOTONIC, which all processes share.
[[nodiscard]] inline std::int64_t nanoseconds_of(TimePoint time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

[[nodiscard]] inline TimePoint time_of(std::int64_t nanoseconds) {
  return TimePoint(std::chrono::nanoseconds(nanoseconds));
}

struct FlatEndpoint {
  std::array<std::uint8_t, 16> address{};  ///< network order
  std::uint16_t port = 0;
  std::uint8_t family = 0;  ///< 4 or 6; 0: there is none
  std::uint8_t reserved = 0;
};

[[nodiscard]] FlatEndpoint flat_of(const Endpoint& endpoint);

/// Nothing for a `family` that is neither 4 nor 6.
[[nodiscard]] std::optional<Endpoint> endpoint_of(const FlatEndpoint& flat);

struct ConnectionFlat {
  std::uint64_t id = 0;
  std::int64_t started = 0;
  std::int64_t last_activity = 0;
  std::int64_t deadline = 0;
  std::int64_t drain_until = 0;  ///< 0: its route is not being removed
  std::uint64_t bytes_to_target = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t spliced_bytes = 0;
  std::uint64_t hello_sent = 0;
  std::uint64_t held_to_target = 0;  ///< bytes in the pipe of this direction; 0: it has none
  std::uint64_t held_to_client = 0;
  std::uint32_t lingered_bytes = 0;
  std::uint32_t flags = 0;
  std::uint32_t hello_size = 0;  ///< sizes of what follows: set by encode()
  std::uint32_t own_route_size = 0;
  std::uint16_t host_size = 0;
  std::uint16_t route_size = 0;
  std::uint16_t reason_size = 0;
  std::uint16_t client_port = 0;
  std::uint16_t listener_port = 0;
  std::uint8_t listener_protocol = 0;  ///< a control::Protocol
  std::uint8_t state = 0;              ///< a Connection::State
  std::uint8_t client_family = 4;      ///< 4 or 6
  std::uint8_t streaming_to_target = 0;
  std::uint8_t streaming_to_client = 0;
  std::uint8_t reserved = 0;
  std::array<std::uint8_t, 16> client_address{};  ///< network order
  std::int64_t dial_until = 0;
  std::int64_t dial_began = 0;
  std::uint64_t connect_us = 0;
  std::uint32_t dial_tried = 0;  ///< a TargetSet
  std::uint32_t proxy_header_size = 0;
  FlatEndpoint target;
  FlatEndpoint believed_destination;  ///< of a PROXY header; its source is the client
  std::uint8_t dial_place = 0;
  std::array<std::uint8_t, 7> reserved_end{};
};

// No padding: no byte of the writer's memory but these goes over.
static_assert(sizeof(ConnectionFlat) == 216 &&
              std::has_unique_object_representations_v<ConnectionFlat>);

struct ConnectionState {
  static constexpr std::uint16_t kVersion = 1;

  ConnectionFlat flat;
  std::string host;    ///< the real name; empty: there is none
  std::string route;   ///< its name; empty: none was chosen yet
  std::string reason;  ///< Answering: why, as CloseReason's word
  /// A control::Table with the route as it was when it was chosen, where that is not what the live
  /// table has under its name; else empty.
  std::vector<std::uint8_t> own_route;
  std::vector<std::uint8_t> hello;         ///< held, and perhaps sent in part
  std::vector<std::uint8_t> proxy_header;  ///< for the target, sent before `hello`

  [[nodiscard]] bool has(ConnectionFlag flag) const { return (flat.flags & flag) != 0; }

  void put(ConnectionFlag flag, bool is_set) {
    if (is_set) flat.flags |= flag;
  }
};

/// How many descriptors go with it, in this order: client, target, then of each direction that has
/// a pipe its read and its write end, towards the target first.
[[nodiscard]] std::size_t descriptor_count(const ConnectionFlat& flat);

/// Appends the record.
void encode(const ConnectionState& state, std::vector<std::uint8_t>& out);

/// Takes the first record off `bytes`. Errc::Protocol for one that is cut off, contradicts itself
/// or is of another version; what its values mean is not looked at.
Result<ConnectionState> decode_connection(std::span<const std::uint8_t>& bytes);

}  // namespace adit::relay
