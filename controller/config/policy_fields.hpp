// The keys `access:` and `limits:` of hosts, and `access:` of the relay: read from YAML and JSON,
// written as JSON, said in one line. The values are those of the control protocol.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "common/control/policy.hpp"
#include "controller/config/schema.hpp"

namespace adit::config {

/// {from, allow, deny}; the lists come out sorted. `from: devices` is not in this version.
void read_access(Reader& reader, const Value& value, control::Access& out);
/// {allow, deny}.
void read_relay_access(Reader& reader, const Value& value, control::Access& out);
/// {connections, connections_per_client, rate_per_client, bandwidth, bandwidth_per_client}
void read_route_limits(Reader& reader, const Value& value, control::RouteLimits& out);

/// Only what is not the default; as the readers take it.
nlohmann::json to_json(const control::Access& access);
nlohmann::json to_json(const control::RouteLimits& limits);

/// "; access allow [192.0.2.0/24]; limits bandwidth 50Mbit", or nothing: the end of a line about
/// who has them.
std::string policy_summary(const control::Access& access, const control::RouteLimits& limits);

}  // namespace adit::config
