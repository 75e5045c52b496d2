// AccessRules: who may use a route, or the relay: a control::Access made ready for lookups. And
// what of such a policy cannot be served. PURE: the time is a parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/control/policy.hpp"
#include "common/net/ip_address.hpp"
#include "relay/prefix_set.hpp"

namespace adit::relay {

enum class AccessVerdict : std::uint8_t {
  Welcome,
  IfDevice,  ///< only when it is a device that came through the tunnel
  Unlisted,  ///< there is an allow list, and it is not in it
  Denied,    ///< by an entry of the deny list
};

/// So many grants may a route have: they are gone through one by one.
inline constexpr std::size_t kMaxGrants = 1000;

class AccessRules {
 public:
  explicit AccessRules(const control::Access& access);

  /// The longest prefix around `client` decides; a grant that is over at `now` (by the wall clock)
  /// is as if it were not there. A clock that is lost (before kEarliestNow) ends every grant.
  [[nodiscard]] AccessVerdict judge(const IpAddress& client, std::chrono::sys_seconds now) const;

 private:
  [[nodiscard]] int longest_grant(const IpAddress& client, std::chrono::sys_seconds now) const;

  PrefixSet allow_;
  PrefixSet deny_;
  std::vector<control::Grant> grants_;
  bool is_for_devices_;
};

/// One sentence for each thing that keeps it from being served.
[[nodiscard]] std::vector<std::string> problems_of(const control::Access& access);
[[nodiscard]] std::vector<std::string> problems_of(const control::RouteLimits& limits);

}  // namespace adit::relay
