// What a route, or the relay as a whole, asks of clients: who may come, how many, how fast. Values
// of the control protocol (see messages.hpp); few routes have any.
#pragma once

#include <cstdint>
#include <vector>

#include "common/net/ip_address.hpp"

namespace adit::control {

/// Who is asked in at all. The value is the wire's.
enum class Audience : std::uint8_t {
  Public = 0,
  Devices = 1,  ///< a source address in Settings::devices that arrived by Settings::tunnel
};

/// Lets `prefix` in until a time, as if it stood in `allow`, and whatever the audience.
struct Grant {
  IpPrefix prefix;
  std::uint64_t until = 0;  ///< seconds since 1970; from then on it is as if it were not there

  bool operator==(const Grant&) const = default;
};

/// The longest prefix that contains the client decides between `allow` (with the grants of now) and
/// `deny`. In none of them: welcome if `allow` is empty. The audience is asked after that.
struct Access {
  Audience from = Audience::Public;
  std::vector<IpPrefix> allow = {};
  std::vector<IpPrefix> deny = {};
  std::vector<Grant> grants = {};

  bool operator==(const Access&) const = default;
};

/// Of one route; a client is a /32 or a /64. 0 is no limit.
struct RouteLimits {
  std::uint32_t connections = 0;
  std::uint32_t connections_per_client = 0;
  std::uint32_t rate_per_client = 0;       ///< new connections per second
  std::uint64_t bandwidth = 0;             ///< bits per second, in each direction
  std::uint64_t bandwidth_per_client = 0;  ///< likewise

  bool operator==(const RouteLimits&) const = default;
};

/// With less a connection would wait longer for its portion than anybody does.
inline constexpr std::uint64_t kLeastBandwidth = 8'000;

}  // namespace adit::control
