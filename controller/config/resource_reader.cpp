#include "controller/config/resource_reader.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "controller/config/later_keys.hpp"
#include "controller/config/policy_fields.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/config/resource_fields.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

constexpr Milliseconds kLongestKeepalive = Seconds(65535);
constexpr Milliseconds kDay = std::chrono::hours(24);

// --- sites

void read_public_key(Reader& reader, const Value& value, Site& out) {
  const auto written = reader.text(value);
  if (!written) return;
  const auto key = wireguard::PublicKey::parse(*written);
  if (!key) return reader.problem(value, key.error().what);
  out.public_key = *key;
}

/// Why `network` cannot be a home's, or an empty view.
std::string_view network_fault(const IpPrefix& network) {
  struct Special {
    const char* prefix;
    std::string_view fault;
  };

  static constexpr std::array<Special, 6> kSpecial{{{"127.0.0.0/8", "is loopback"},
                                                    {"169.254.0.0/16", "is link-local"},
                                                    {"224.0.0.0/4", "is multicast"},
                                                    {"::1/128", "is loopback"},
                                                    {"fe80::/10", "is link-local"},
                                                    {"ff00::/8", "is multicast"}}};
  if (network.length() == 0) return "is the whole internet";
  for (const Special& special : kSpecial) {
    if (IpPrefix::parse(special.prefix)->contains(network)) return special.fault;
  }
  return {};
}

/// `value` is the list at "sites.NAME.networks"; no name of a site has a dot.
std::string network_key(const Value& value, const IpPrefix& network) {
  std::string key = value.path;
  std::ranges::replace(key, '.', '/');
  return fmt::format("{}/{}", key, network);
}

void read_networks(Reader& reader, const Value& value, Site& out) {
  for (const Value& item : reader.list(value, "[10.30.0.0/24]")) {
    const auto network = reader.prefix(item);
    if (!network) continue;
    if (const auto fault = network_fault(*network); !fault.empty()) {
      reader.problem(item, fmt::format("{} {}; a site's networks are those behind its home gateway",
                                       *network, fault));
      continue;
    }
    if (reader.note_position(network_key(value, *network), item.mark, item.path)) {
      out.networks.push_back(*network);
    }
  }
  std::ranges::sort(out.networks);
}

void read_address(Reader& reader, const Value& value, Site& out) {
  const auto address = reader.address(value);
  if (!address) return;
  if (!address->is_v4()) {
    return reader.problem(value, "needs an IPv4 address (the IPv6 one goes with it)");
  }
  out.address = *address;
}

void read_address6(Reader& reader, const Value& value, Site& out) {
  const auto address = reader.address(value);
  if (!address) return;
  if (address->is_v4()) return reader.problem(value, "needs an IPv6 address");
  out.address6 = *address;
}

void read_keepalive(Reader& reader, const Value& value, Site& out) {
  const auto written = reader.duration(value, Milliseconds(0), kLongestKeepalive);
  if (!written) return;
  if (*written % Seconds(1) != Milliseconds(0)) {
    return reader.problem(value, "needs whole seconds (like 25s)");
  }
  out.keepalive = std::chrono::duration_cast<Seconds>(*written);
}

template <class T>
void read_target(Reader& reader, const Value& value, T& out) {
  take(reader.endpoint(value), out.target);
}

template <class T>
void read_http_target(Reader& reader, const Value& value, T& out) {
  take(reader.endpoint(value), out.http_target);
}

template <class T>
void read_tls_proxy(Reader& reader, const Value& value, T& out) {
  take(read_proxy_protocol(reader, value), out.proxy_protocol);
}

template <class T>
void read_http_proxy(Reader& reader, const Value& value, T& out) {
  take(read_proxy_protocol(reader, value), out.http_proxy_protocol);
}

constexpr std::array<Field<Site>, 15> kSiteFields{{
    {"owner", read_owner<Site>},
    {"public_key", read_public_key},
    {"networks", read_networks},
    {"address", read_address},
    {"address6", read_address6},
    {"keepalive", read_keepalive},
    {"target", read_target<Site>},
    {"http_target", read_http_target<Site>},
    {"proxy_protocol", read_tls_proxy<Site>},
    {"http_proxy_protocol", read_http_proxy<Site>},
    {"gateway", later<later_gateway, Site>},
    {"netmap", later<later_netmap, Site>},
    {"mtu", later<later_mtu, Site>},
    {"nat", later<later_nat, Site>},
    {"resolver", later<later_resolver, Site>},
}};

// --- hosts

struct WeightedTarget {
  std::optional<Endpoint> to;
  std::uint16_t weight = 0;
};

void read_to(Reader& reader, const Value& value, WeightedTarget& out) {
  take(reader.endpoint(value), out.to);
}

void read_weight(Reader& reader, const Value& value, WeightedTarget& out) {
  if (const auto weight = reader.count(value, 1, 65535)) {
    out.weight = static_cast<std::uint16_t>(*weight);
  }
}

/// One item of `targets:`; nullopt after a problem.
std::optional<control::Target> read_one_target(Reader& reader, const Value& item) {
  static constexpr std::array<Field<WeightedTarget>, 2> kFields{
      {{"to", read_to}, {"weight", read_weight}}};
  const std::size_t before = reader.problems.size();
  WeightedTarget target;
  read_fields<WeightedTarget>(reader, item, kFields, target);
  if (!target.to && reader.problems.size() == before) {
    reader.problem(item, "has no `to:`; write {to: ADDRESS:PORT}");
  }
  if (!target.to || reader.problems.size() != before) return std::nullopt;
  return control::Target{*target.to, target.weight};
}

/// `value` is the list at "hosts.NAME.targets".
std::string target_key(const Value& value, const Endpoint& target) {
  constexpr std::string_view kBefore = "hosts.";
  constexpr std::string_view kBehind = ".targets";
  const std::string_view path = value.path;
  const std::size_t length = path.size() - kBefore.size() - kBehind.size();
  return fmt::format("hosts/{}/targets/{}", path.substr(kBefore.size(), length), target);
}

bool has_targets(const Host& host) {
  return host.target || !host.targets.empty();
}

/// One item is the same as `target:`.
void read_targets(Reader& reader, const Value& value, Host& out) {
  const auto items = reader.list(value, "[{to: 10.30.0.200:443}]");
  std::vector<control::Target> targets;
  for (const Value& item : items) {
    const auto target = read_one_target(reader, item);
    if (!target) continue;
    const bool is_known =
        std::ranges::find(targets, target->endpoint, &control::Target::endpoint) != targets.end();
    reader.positions.try_emplace(target_key(value, target->endpoint),
                                 reader.position_of(item.mark));
    if (is_known) {
      reader.problem(item, fmt::format("{} is written twice; its share of the connections is its "
                                       "weight",
                                       target->endpoint));
    }
    targets.push_back(*target);
  }
  if (items.empty()) {
    return reader.problem(value, "is empty; write one target or leave the key out");
  }
  if (items.size() > control::kMaxTargets) {
    return reader.problem(value, fmt::format("has {} targets; a host may have {}", items.size(),
                                             control::kMaxTargets));
  }
  if (has_targets(out)) return reader.problem(value, "target and targets exclude each other");
  if (items.size() > 1) {
    out.targets = std::move(targets);
  } else if (!targets.empty()) {
    out.target = targets.front().endpoint;
  }
}

void read_host_target(Reader& reader, const Value& value, Host& out) {
  if (has_targets(out)) return reader.problem(value, "target and targets exclude each other");
  read_target(reader, value, out);
}

void read_check(Reader& reader, const Value& value, Host& out) {
  const auto word = reader.choice(value, {"none", "tcp", "tls"});
  if (word == "none") out.check = control::HealthCheck::None;
  if (word == "tcp") out.check = control::HealthCheck::Tcp;
  if (word == "tls") out.check = control::HealthCheck::Tls;
}

void read_host_site(Reader& reader, const Value& value, Host& out) {
  take(reader.text(value), out.site);
}

void read_host_port(Reader& reader, const Value& value, Host& out) {
  take(reader.port(value, 1), out.port);
}

void read_drain(Reader& reader, const Value& value, Host& out) {
  take(reader.duration(value, Milliseconds(0), kDay), out.drain);
}

void read_http(Reader& reader, const Value& value, Host& out) {
  const auto word = reader.choice(value, {"redirect", "forward", "off"});
  if (word == "redirect") out.http = control::HttpAction::Redirect;
  if (word == "forward") out.http = control::HttpAction::Forward;
  if (word == "off") out.http = std::nullopt;
}

void read_host_access(Reader& reader, const Value& value, Host& out) {
  read_access(reader, value, out.access);
}

void read_host_limits(Reader& reader, const Value& value, Host& out) {
  read_route_limits(reader, value, out.limits);
}

constexpr std::array<Field<Host>, 15> kHostFields{{
    {"owner", read_owner<Host>},
    {"site", read_host_site},
    {"target", read_host_target},
    {"targets", read_targets},
    {"http_target", read_http_target<Host>},
    {"port", read_host_port},
    {"drain", read_drain},
    {"proxy_protocol", read_tls_proxy<Host>},
    {"http_proxy_protocol", read_http_proxy<Host>},
    {"check", read_check},
    {"alpn", read_alpn},
    {"access", read_host_access},
    {"http", read_http},
    {"dns", later<later_host_dns, Host>},
    {"limits", read_host_limits},
}};

// --- documents

void read_sites(Reader& reader, const Value& value, Resources& out) {
  for (const Member& member : reader.map(value)) {
    const std::string name(member.key);
    const std::string key = "sites/" + name;
    if (name == kDirectSite || !is_valid_site_name(name)) {
      reader.problem(
          member.mark, "sites",
          name == kDirectSite
              ? "the site direct is built in; it cannot be written"
              : fmt::format("{} is not a name for a site; use 1 to 63 of a-z, 0-9 and '-', "
                            "beginning with a letter or digit",
                            in_quotes(name)));
      continue;
    }
    reader.set_resource(key);
    if (reader.note_position(key, member.mark, member.value.path)) {
      read_site(reader, member.value, name, out.sites[name]);
    }
    reader.set_resource({});
  }
}

void read_hosts(Reader& reader, const Value& value, Resources& out) {
  for (const Member& member : reader.map(value)) {
    const auto name = normal_host_name(member.key);
    if (!name) {
      reader.problem(member.mark, "hosts",
                     fmt::format("{}: {}", in_quotes(member.key), name.error().what));
      continue;
    }
    const std::string key = "hosts/" + *name;
    reader.set_resource(key);
    if (reader.note_position(key, member.mark, "hosts." + *name)) {
      read_host(reader, member.value, *name, out.hosts[*name]);
    }
    reader.set_resource({});
  }
}

void read_the_relay(Reader& reader, const Value& value, Resources& out) {
  reader.set_resource("relay");
  if (reader.note_position("relay", value.mark, value.path))
    read_relay(reader, value, out.relay.emplace());
  reader.set_resource({});
}

constexpr std::array<Field<Resources>, 6> kDocumentFields{{
    {"sites", read_sites},
    {"hosts", read_hosts},
    {"relay", read_the_relay},
    {"dns", later<later_dns, Resources>},
    {"ports", later<later_ports, Resources>},
    {"devices", later<later_devices, Resources>},
}};

}  // namespace

void read_document(Reader& reader, const Node& root, Resources& out) {
  read_fields<Resources>(reader, Value{root, root.mark, ""}, kDocumentFields, out);
}

void read_site(Reader& reader, const Value& value, const std::string& name, Site& out) {
  const Value named{value.node, value.mark, "sites." + name};
  note_members(reader, named, "sites/" + name);
  read_fields<Site>(reader, named, kSiteFields, out);
}

void read_host(Reader& reader, const Value& value, const std::string& name, Host& out) {
  const Value named{value.node, value.mark, "hosts." + name};
  note_members(reader, named, "hosts/" + name);
  const std::size_t before = reader.problems.size();
  read_fields<Host>(reader, named, kHostFields, out);
  if (out.site.empty() && reader.problems.size() == before) {
    reader.problem(named, "has no site; write site: NAME (or site: direct)");
  }
}

Result<std::string> normal_host_name(std::string_view written) {
  const bool is_ascii =
      std::ranges::all_of(written, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!is_ascii) {
    return fail(Errc::Invalid,
                "names beyond ASCII are not in this version; write the xn-- form of the name");
  }
  auto pattern = HostPattern::parse(written);
  if (!pattern) return fail(std::move(pattern).error());
  return pattern->wire_text();
}

}  // namespace adit::config
