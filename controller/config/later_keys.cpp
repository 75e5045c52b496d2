#include "controller/config/later_keys.hpp"

#include <array>

#include <fmt/format.h>

#include "common/host_name.hpp"
#include "controller/config/policy_fields.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/config/units.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

constexpr std::string_view kLeaveOut = "leave the key out";

/// One of `words`, of which the first is the default.
void later_choice(Reader& reader, const Value& value,
                  std::initializer_list<std::string_view> words) {
  const std::string key = value.path.substr(value.path.rfind('.') + 1);
  const auto word = reader.choice(value, words);
  if (!word || *word == *words.begin()) return;
  reader.not_in_this_version(value, fmt::format("{}: {}", key, *word),
                             fmt::format("leave the key out or write {}", *words.begin()));
}

/// Reads a map of which no key is in this version: only the form counts.
struct Nothing {};

template <std::size_t kSize>
void check_form(Reader& reader, const Value& value,
                const std::array<Field<Nothing>, kSize>& fields) {
  Nothing nothing;
  read_fields<Nothing>(reader, value, fields, nothing);
}

void any_text(Reader& reader, const Value& value, Nothing&) {
  (void)reader.text(value);
}

void any_duration(Reader& reader, const Value& value, Nothing&) {
  (void)reader.duration(value, Milliseconds(0), std::chrono::hours(24));
}

void any_ttl(Reader& reader, const Value& value, Nothing&) {
  if (reader.count(value, 1, 604'800)) reader.not_in_this_version(value, "ttl", kLeaveOut);
}

void any_proxied(Reader& reader, const Value& value, Nothing&) {
  if (reader.boolean(value).value_or(false)) {
    reader.not_in_this_version(value, "proxied: true", kLeaveOut);
  }
}

void any_endpoint(Reader& reader, const Value& value, Nothing&) {
  (void)reader.endpoint(value);
}

void any_address(Reader& reader, const Value& value, Nothing&) {
  (void)reader.address(value);
}

void any_addresses(Reader& reader, const Value& value, Nothing&) {
  for (const Value& item : reader.list(value, "[10.30.0.1]")) (void)reader.address(item);
}

void any_texts(Reader& reader, const Value& value, Nothing&) {
  for (const Value& item : reader.list(value, "[home]")) (void)reader.text(item);
}

template <auto kRead>
void form_of(Reader& reader, const Value& value, Nothing&) {
  (void)kRead(reader, value);
}

/// Named resources of a kind that is not in this version.
template <std::size_t kSize>
void later_resources(Reader& reader, const Value& value, std::string_view what,
                     const std::array<Field<Nothing>, kSize>& fields) {
  for (const Member& member : reader.map(value)) {
    check_form(reader, member.value, fields);
    reader.problem(member.mark, member.value.path,
                   fmt::format("{} is not in this version; leave it out", what));
  }
}

void any_access(Reader& reader, const Value& value, Nothing&) {
  control::Access ignored;
  read_access(reader, value, ignored);
}

void any_limits(Reader& reader, const Value& value, Nothing&) {
  control::RouteLimits ignored;
  read_route_limits(reader, value, ignored);
}

void any_policy(Reader& reader, const Value& value, Nothing&) {
  (void)reader.choice(value, {"sync", "upsert", "off"});
}

void any_provider(Reader& reader, const Value& value, Nothing&) {
  (void)reader.choice(value, {"cloudflare", "route53", "rfc2136", "powerdns"});
}

void any_weight(Reader& reader, const Value& value, Nothing&) {
  (void)reader.count(value, 1, 65535);
}

void any_targets(Reader& reader, const Value& value, Nothing&) {
  constexpr std::array<Field<Nothing>, 2> kFields{{{"to", any_endpoint}, {"weight", any_weight}}};
  for (const Value& item : reader.list(value, "[{to: 10.30.0.200:443}]")) {
    check_form(reader, item, kFields);
  }
}

/// "25565/tcp" or "27015-27030/tcp".
void any_listen(Reader& reader, const Value& value, Nothing&) {
  const auto written = reader.text(value);
  if (!written) return;
  std::string_view rest = *written;
  if (rest.ends_with("/udp")) return;  // a clear error follows: no port is in this version
  if (rest.ends_with("/tcp")) {
    rest.remove_suffix(4);
    const std::size_t dash = rest.find('-');
    const auto first = parse_count(rest.substr(0, dash), 1, 65535);
    const auto last =
        dash == std::string_view::npos ? first : parse_count(rest.substr(dash + 1), 1, 65535);
    if (first && last && *first <= *last) return;
  }
  reader.problem(value, fmt::format("{} is not a port or a range (like 25565/tcp or "
                                    "27015-27030/tcp)",
                                    in_quotes(*written)));
}

void any_tunnel(Reader& reader, const Value& value, Nothing&) {
  (void)reader.choice(value, {"split", "full"});
}

}  // namespace

void later_gateway(Reader& reader, const Value& value) {
  later_choice(reader, value, {"router", "host"});
}

void later_netmap(Reader& reader, const Value& value) {
  if (value.node.kind == Node::Kind::Map) {
    for (const Member& member : reader.map(value)) (void)reader.prefix(member.value);
    if (value.node.entries.empty()) return;
  } else if (!reader.prefix(value)) {
    return;
  }
  reader.not_in_this_version(value, "netmap", kLeaveOut);
}

void later_mtu(Reader& reader, const Value& value) {
  if (reader.count(value, 1280, 9000)) reader.not_in_this_version(value, "mtu", kLeaveOut);
}

void later_nat(Reader& reader, const Value& value) {
  if (reader.boolean(value).value_or(false)) {
    reader.not_in_this_version(value, "nat: true", kLeaveOut);
  }
}

void later_resolver(Reader& reader, const Value& value) {
  const auto written = reader.text(value);
  if (!written) return;
  if (!IpAddress::parse(*written) && !Endpoint::parse(*written)) {
    reader.problem(value, fmt::format("{} is not the address of a resolver", in_quotes(*written)));
    return;
  }
  reader.not_in_this_version(value, "resolver", kLeaveOut);
}

void later_check(Reader& reader, const Value& value) {
  later_choice(reader, value, {"none", "tcp", "tls"});
}

void later_host_dns(Reader& reader, const Value& value) {
  constexpr std::array<Field<Nothing>, 2> kFields{{{"proxied", any_proxied}, {"ttl", any_ttl}}};
  check_form(reader, value, kFields);
}

void later_dns(Reader& reader, const Value& value) {
  constexpr std::array<Field<Nothing>, 3> kFields{
      {{"provider", any_provider}, {"token_file", any_text}, {"policy", any_policy}}};
  later_resources(reader, value, "writing DNS records", kFields);
}

void later_ports(Reader& reader, const Value& value) {
  constexpr std::array<Field<Nothing>, 9> kFields{{{"listen", any_listen},
                                                   {"site", any_text},
                                                   {"target", any_endpoint},
                                                   {"targets", any_targets},
                                                   {"check", form_of<later_check>},
                                                   {"proxy_protocol", form_of<read_proxy_protocol>},
                                                   {"access", any_access},
                                                   {"limits", any_limits},
                                                   {"drain", any_duration}}};
  later_resources(reader, value, "a raw port", kFields);
}

void later_devices(Reader& reader, const Value& value) {
  constexpr std::array<Field<Nothing>, 6> kFields{{{"public_key", any_text},
                                                   {"tunnel", any_tunnel},
                                                   {"dns", any_addresses},
                                                   {"expires", any_text},
                                                   {"allow", any_texts},
                                                   {"address", any_address}}};
  later_resources(reader, value, "a device", kFields);
}

}  // namespace adit::config
