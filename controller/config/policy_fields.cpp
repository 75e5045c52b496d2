#include "controller/config/policy_fields.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/config/resource_fields.hpp"
#include "controller/config/units.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

using nlohmann::json;

using Prefixes = std::vector<IpPrefix>;

/// A list of networks, none of which may stand in it twice or in `other`, which `others` calls.
void read_prefixes(Reader& reader, const Value& value, Prefixes& out, const Prefixes& other,
                   std::string_view others) {
  std::set<IpPrefix> seen;  // a list may have a hundred thousand
  const std::set<IpPrefix> seen_there(other.begin(), other.end());
  for (const Value& item : reader.list(value, "[192.0.2.0/24]")) {
    const auto prefix = reader.prefix(item);
    if (!prefix) continue;
    if (!seen.insert(*prefix).second) {
      reader.problem(item, fmt::format("{} is written twice", *prefix));
    } else if (seen_there.contains(*prefix)) {
      reader.problem(
          item,
          fmt::format("{} is in {} too; of two networks the longer decides, so write it in one",
                      *prefix, others));
    } else {
      out.push_back(*prefix);
    }
  }
  std::ranges::sort(out);
}

void read_allow(Reader& reader, const Value& value, control::Access& out) {
  read_prefixes(reader, value, out.allow, out.deny, "deny");
}

void read_deny(Reader& reader, const Value& value, control::Access& out) {
  read_prefixes(reader, value, out.deny, out.allow, "allow");
}

void read_from(Reader& reader, const Value& value, control::Access&) {
  if (reader.choice(value, {"public", "devices"}) != "devices") return;
  reader.not_in_this_version(value, "from: devices", "leave the key out or write public");
}

template <auto kMember>
void read_limit(Reader& reader, const Value& value, control::RouteLimits& out) {
  take(reader.count(value, 1, 1'000'000'000), out.*kMember);
}

void read_rate(Reader& reader, const Value& value, control::RouteLimits& out) {
  take(reader.rate(value), out.rate_per_client);
}

template <auto kMember>
void read_bandwidth(Reader& reader, const Value& value, control::RouteLimits& out) {
  const auto written = reader.text(value);
  if (!written) return;
  const auto parsed = parse_bandwidth(*written);
  if (!parsed) return reader.problem(value, parsed.error().what);
  if (*parsed < control::kLeastBandwidth) {
    return reader.problem(value,
                          fmt::format("{} is too little; the least is {}", in_quotes(*written),
                                      format_bandwidth(control::kLeastBandwidth)));
  }
  out.*kMember = *parsed;
}

json texts(const Prefixes& prefixes) {
  json out = json::array();
  for (const IpPrefix& prefix : prefixes) out.push_back(prefix.to_string());
  return out;
}

}  // namespace

void read_access(Reader& reader, const Value& value, control::Access& out) {
  static constexpr std::array<Field<control::Access>, 3> kFields{
      {{"from", read_from}, {"allow", read_allow}, {"deny", read_deny}}};
  read_fields<control::Access>(reader, value, kFields, out);
}

void read_relay_access(Reader& reader, const Value& value, control::Access& out) {
  static constexpr std::array<Field<control::Access>, 2> kFields{
      {{"allow", read_allow}, {"deny", read_deny}}};
  read_fields<control::Access>(reader, value, kFields, out);
}

void read_route_limits(Reader& reader, const Value& value, control::RouteLimits& out) {
  using control::RouteLimits;
  static constexpr std::array<Field<RouteLimits>, 5> kFields{
      {{"connections", read_limit<&RouteLimits::connections>},
       {"connections_per_client", read_limit<&RouteLimits::connections_per_client>},
       {"rate_per_client", read_rate},
       {"bandwidth", read_bandwidth<&RouteLimits::bandwidth>},
       {"bandwidth_per_client", read_bandwidth<&RouteLimits::bandwidth_per_client>}}};
  read_fields<RouteLimits>(reader, value, kFields, out);
}

json to_json(const control::Access& access) {
  json out = json::object();
  if (!access.allow.empty()) out["allow"] = texts(access.allow);
  if (!access.deny.empty()) out["deny"] = texts(access.deny);
  return out;
}

json to_json(const control::RouteLimits& limits) {
  json out = json::object();
  if (limits.connections != 0) out["connections"] = limits.connections;
  if (limits.connections_per_client != 0) {
    out["connections_per_client"] = limits.connections_per_client;
  }
  if (limits.rate_per_client != 0) {
    out["rate_per_client"] = fmt::format("{}/s", limits.rate_per_client);
  }
  if (limits.bandwidth != 0) out["bandwidth"] = format_bandwidth(limits.bandwidth);
  if (limits.bandwidth_per_client != 0) {
    out["bandwidth_per_client"] = format_bandwidth(limits.bandwidth_per_client);
  }
  return out;
}

std::string policy_summary(const control::Access& access, const control::RouteLimits& limits) {
  std::vector<std::string> parts;
  std::string out;
  if (!access.allow.empty()) {
    out += fmt::format("; access allow [{}]", fmt::join(access.allow, ", "));
  }
  if (!access.deny.empty()) out += fmt::format("; access deny [{}]", fmt::join(access.deny, ", "));
  const json members = to_json(limits);
  for (const auto& [key, value] : members.items()) {
    parts.push_back(
        fmt::format("{} {}", key, value.is_string() ? value.get<std::string>() : value.dump()));
  }
  if (!parts.empty()) out += fmt::format("; limits {}", fmt::join(parts, ", "));
  return out;
}

}  // namespace adit::config
