// What the relay counts for one route, always asked anew: the numbers that the controller has at
// hand are up to a second old, and what others moved in that second is not ours.
#pragma once

#include <cstdint>
#include <string>

#include "controller/cli/api_client.hpp"
#include "controller/cli/check.hpp"

namespace adit::cli {

/// Numbers of a route since the relay has it.
struct RouteNumbers {
  std::uint64_t to_target = 0;  ///< bytes
  std::uint64_t to_client = 0;  ///< bytes
  std::uint64_t connections = 0;
  std::uint64_t active = 0;  ///< connections that are open now

  bool operator==(const RouteNumbers&) const = default;
};

/// What a route has moved while we looked.
struct Relayed {
  std::uint64_t to_target = 0;    ///< bytes
  std::uint64_t to_client = 0;    ///< bytes
  std::uint64_t connections = 0;  ///< new ones
  std::uint64_t others = 0;       ///< open before, or new and not ours: their bytes count too

  bool operator==(const Relayed&) const = default;
};

/// The numbers of `route` as the relay has them now. The controller asks the relay anew for a plan,
/// and a plan of no file changes nothing.
Attempt<RouteNumbers> numbers_now(ApiClient& api, const std::string& route);

/// From `before` to `after`, while we made `ours` connections. PURE.
Relayed relayed_between(const RouteNumbers& before, const RouteNumbers& after, std::uint64_t ours);

/// The same from `before` until now. Looks again until all of `ours` are counted, with bytes both
/// ways, or long enough that they will not be.
Attempt<Relayed> relayed_since(ApiClient& api, const std::string& route, const RouteNumbers& before,
                               std::uint64_t ours);

/// "bytes_relayed": `ours` handshakes (at least one) went through the relay. PURE.
Check relayed_check(const Relayed& relayed, std::uint64_t ours);

}  // namespace adit::cli
