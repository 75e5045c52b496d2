// The `relay:` key of what a person writes: addresses, ports, timeouts, limits and privacy.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "controller/config/later_keys.hpp"
#include "controller/config/policy_fields.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/config/resource_fields.hpp"
#include "controller/config/resource_reader.hpp"
#include "controller/config/units.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

constexpr Milliseconds kLongestTimeout = std::chrono::hours(24 * 30);

void read_addresses(Reader& reader, const Value& value, Relay& out) {
  const auto items = reader.list(value, "[\"::\"]");
  if (items.empty() && value.node.kind != Node::Kind::Scalar) {
    return reader.problem(value, "is empty; the relay listens on at least one address");
  }
  for (const Value& item : items) {
    const auto address = reader.address(item);
    if (!address) continue;
    if (std::ranges::find(out.addresses, *address) != out.addresses.end()) {
      reader.problem(item, fmt::format("{} is written twice", *address));
      continue;
    }
    out.addresses.push_back(*address);
  }
  const auto is_any = [](const IpAddress& address) {
    return !address.is_v4() && address.is_unspecified();
  };
  if (out.addresses.size() > 1 && std::ranges::any_of(out.addresses, is_any)) {
    reader.problem(value, "\"::\" is every address, IPv4 as well; leave the others out");
  }
}

void read_source_addresses(Reader& reader, const Value& value, Relay& out) {
  for (const Value& item : reader.list(value, "[10.98.0.2]")) {
    const auto address = reader.address(item);
    if (!address) continue;
    if (std::ranges::find(out.source_addresses, *address) != out.source_addresses.end()) {
      reader.problem(item, fmt::format("{} is written twice", *address));
      continue;
    }
    reader.positions.try_emplace(fmt::format("relay/source_addresses/{}", *address),
                                 reader.position_of(item.mark));
    out.source_addresses.push_back(*address);
  }
}

void read_https_port(Reader& reader, const Value& value, Relay& out) {
  take(reader.port(value, 0), out.https_port);
}

void read_http_port(Reader& reader, const Value& value, Relay& out) {
  if (value.node.kind == Node::Kind::Scalar && value.node.text == "off") {
    out.http_port = std::nullopt;
    return;
  }
  const auto written = reader.text(value);
  if (!written) return;
  const auto port = parse_count(*written, 0, 65535);
  if (!port) {
    return reader.problem(
        value, fmt::format("{} is neither a port from 0 to 65535 nor off", in_quotes(*written)));
  }
  out.http_port = static_cast<std::uint16_t>(*port);
}

template <auto kMember>
void read_timeout(Reader& reader, const Value& value, control::Timeouts& out) {
  take(reader.duration(value, Milliseconds(1), kLongestTimeout), out.*kMember);
}

void read_timeouts(Reader& reader, const Value& value, Relay& out) {
  static constexpr std::array<Field<control::Timeouts>, 5> kFields{{
      {"hello", read_timeout<&control::Timeouts::hello>},
      {"connect", read_timeout<&control::Timeouts::connect>},
      {"hold", read_timeout<&control::Timeouts::hold>},
      {"idle", read_timeout<&control::Timeouts::idle>},
      {"half_closed", read_timeout<&control::Timeouts::half_closed>},
  }};
  read_fields<control::Timeouts>(reader, value, kFields, out.timeouts);
}

template <auto kMember>
void read_limit(Reader& reader, const Value& value, control::Limits& out) {
  take(reader.count(value, 1, 100'000'000), out.*kMember);
}

void read_rate(Reader& reader, const Value& value, control::Limits& out) {
  take(reader.rate(value), out.rate_per_client);
}

void read_limits(Reader& reader, const Value& value, Relay& out) {
  static constexpr std::array<Field<control::Limits>, 3> kFields{{
      {"connections", read_limit<&control::Limits::connections>},
      {"connections_per_client", read_limit<&control::Limits::connections_per_client>},
      {"rate_per_client", read_rate},
  }};
  read_fields<control::Limits>(reader, value, kFields, out.limits);
}

void read_privacy(Reader& reader, const Value& value, Relay& out) {
  const auto word = reader.choice(value, {"full", "hash", "none"});
  if (!word) return;
  out.privacy = *word == "full" ? Privacy::Full : *word == "hash" ? Privacy::Hash : Privacy::None;
}

void read_the_access(Reader& reader, const Value& value, Relay& out) {
  read_relay_access(reader, value, out.access);
}

constexpr std::array<Field<Relay>, 10> kRelayFields{{
    {"owner", read_owner<Relay>},
    {"addresses", read_addresses},
    {"https_port", read_https_port},
    {"http_port", read_http_port},
    {"timeouts", read_timeouts},
    {"limits", read_limits},
    {"source_addresses", read_source_addresses},
    {"access", read_the_access},
    {"accept_proxy", read_accept_proxy},
    {"privacy", read_privacy},
}};

}  // namespace

void read_relay(Reader& reader, const Value& value, Relay& out) {
  const Value named{value.node, value.mark, "relay"};
  note_members(reader, named, "relay");
  read_fields<Relay>(reader, named, kRelayFields, out);
}

}  // namespace adit::config
