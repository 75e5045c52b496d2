// Where a client goes for the protocols that it offers (`alpn:` of a host). PURE.
#pragma once

#include "common/control/messages.hpp"
#include "relay/client_hello.hpp"

namespace adit::relay {

/// The target of the first protocol of `route` (in the route's order) that `offered` has; null:
/// none, the route's own targets serve. No allocation; valid as long as `route`.
[[nodiscard]] inline const Endpoint* find_alpn_target(const control::Route& route,
                                                      const AlpnList& offered) {
  for (const control::AlpnTarget& each : route.alpn) {
    if (offered.contains(each.protocol)) return &each.target;
  }
  return nullptr;
}

}  // namespace adit::relay
