#include "relay/access_rules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/clock.hpp"

namespace adit::relay {

namespace {

/// Shorter than the prefix of length 0.
constexpr int kNone = -1;

int length_or_none(const PrefixSet& prefixes, const IpAddress& client) {
  const auto longest = prefixes.longest(client);
  return longest ? static_cast<int>(*longest) : kNone;
}

}  // namespace

AccessRules::AccessRules(const control::Access& access)
    : allow_(access.allow),
      deny_(access.deny),
      grants_(access.grants),
      is_for_devices_(access.from == control::Audience::Devices) {}

int AccessRules::longest_grant(const IpAddress& client, std::chrono::sys_seconds now) const {
  const std::int64_t seconds = now.time_since_epoch().count();
  int longest = kNone;
  if (seconds < kEarliestNow) return longest;
  for (const control::Grant& grant : grants_) {
    if (grant.until <= static_cast<std::uint64_t>(seconds)) continue;
    if (grant.prefix.contains(client)) {
      longest = std::max(longest, static_cast<int>(grant.prefix.length()));
    }
  }
  return longest;
}

AccessVerdict AccessRules::judge(const IpAddress& client, std::chrono::sys_seconds now) const {
  const int denied = length_or_none(deny_, client);
  const int granted = grants_.empty() ? kNone : longest_grant(client, now);
  // Who gives somebody a grant knows of the deny list.
  if (granted != kNone && granted >= denied) return AccessVerdict::Welcome;
  const int allowed = length_or_none(allow_, client);
  if (denied != kNone && denied >= allowed) return AccessVerdict::Denied;
  if (allowed == kNone && !allow_.is_empty()) return AccessVerdict::Unlisted;
  return is_for_devices_ ? AccessVerdict::IfDevice : AccessVerdict::Welcome;
}

std::vector<std::string> problems_of(const control::Access& access) {
  std::vector<std::string> problems;
  auto allow = access.allow;
  auto deny = access.deny;
  std::ranges::sort(allow);
  std::ranges::sort(deny);
  std::vector<IpPrefix> both;
  std::ranges::set_intersection(allow, deny, std::back_inserter(both));
  if (!both.empty()) {
    problems.push_back(fmt::format("access: {} is allowed and denied", both.front()));
  }
  if (access.grants.size() > kMaxGrants) {
    problems.push_back(fmt::format("access: more than {} grants", kMaxGrants));
  }
  return problems;
}

std::vector<std::string> problems_of(const control::RouteLimits& limits) {
  std::vector<std::string> problems;
  const auto check = [&](const char* what, std::uint64_t bandwidth) {
    if (bandwidth == 0 || bandwidth >= control::kLeastBandwidth) return;
    problems.push_back(
        fmt::format("limits: {} must be at least {} bit/s", what, control::kLeastBandwidth));
  };
  check("bandwidth", limits.bandwidth);
  check("bandwidth_per_client", limits.bandwidth_per_client);
  return problems;
}

}  // namespace adit::relay
