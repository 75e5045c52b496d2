// What keeps a table from being served. The controller checks the same and more before it sends
// one; the relay trusts nobody, and a cached table may be from another version.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "relay/route_table.hpp"

namespace adit::relay {

namespace {

constexpr std::size_t kMostProblems = 100;

/// Keeps the first ones and counts the rest: a bad table of 100 000 routes is still one answer.
class Problems {
 public:
  void add(std::string what) {
    if (listed_.size() < kMostProblems - 1) {
      listed_.push_back(std::move(what));
    } else {
      ++unlisted_;
      last_ = std::move(what);
    }
  }

  std::vector<std::string> take() {
    if (unlisted_ == 1) listed_.push_back(std::move(last_));
    if (unlisted_ > 1) listed_.push_back(fmt::format("and {} more problems", unlisted_));
    return std::move(listed_);
  }

 private:
  std::vector<std::string> listed_;
  std::size_t unlisted_ = 0;
  std::string last_;
};

void check_addresses(const std::vector<IpAddress>& addresses, bool has_routes, Problems& out) {
  if (addresses.empty() && has_routes) out.add("settings: no address to listen on");
  std::set<IpAddress> seen;
  for (const IpAddress& address : addresses) {
    if (!seen.insert(address).second) {
      out.add(fmt::format("settings: address {} stands twice", address));
    }
  }
}

void check_source_addresses(const std::vector<IpAddress>& addresses, Problems& out) {
  if (addresses.size() > control::kMaxSourceAddresses) {
    out.add(fmt::format("settings: {} source addresses, more than {}", addresses.size(),
                        control::kMaxSourceAddresses));
  }
  for (const IpAddress& address : addresses) {
    if (address.is_unspecified()) out.add(fmt::format("settings: source address {}", address));
  }
}

void check_settings(const control::Settings& settings, bool has_routes, Problems& out) {
  constexpr std::size_t kMostBalancers = 256;  // each client is compared with all of them
  if (settings.accept_proxy.size() > kMostBalancers) {
    out.add(fmt::format("settings: accept_proxy has more than {} networks", kMostBalancers));
  }
  check_addresses(settings.addresses, has_routes, out);
  check_source_addresses(settings.source_addresses, out);
  const auto need_some = [&](std::string_view what, auto value) {
    if (value <= decltype(value){}) out.add(fmt::format("settings: {} must be more than 0", what));
  };
  need_some("timeouts.hello", settings.timeouts.hello);
  need_some("timeouts.connect", settings.timeouts.connect);
  need_some("timeouts.hold", settings.timeouts.hold);
  need_some("timeouts.idle", settings.timeouts.idle);
  need_some("timeouts.half_closed", settings.timeouts.half_closed);
  need_some("limits.connections", settings.limits.connections);
  need_some("limits.connections_per_client", settings.limits.connections_per_client);
  need_some("limits.rate_per_client", settings.limits.rate_per_client);
  for (const auto& what : problems_of(*settings.access)) out.add("settings: " + what);
  if (settings.access->from != control::Audience::Public || !settings.access->grants.empty()) {
    out.add("settings: access: only allow and deny can be for everything");
  }
}

/// Which of many keys were seen before: one flat array of places and hashes, so that 100 000 keys
/// cost one allocation. `Equal(a, b)` compares the keys of two places.
template <class Equal>
class Seen {
 public:
  Seen(std::size_t count, Equal equal)
      : places_(std::bit_ceil(std::max<std::size_t>(count, 1) * 2)), equal_(equal) {}

  /// False if an earlier place has an equal key.
  bool insert(std::size_t place, std::size_t hash) {
    const std::size_t mask = places_.size() - 1;
    const auto folded = static_cast<std::uint32_t>(hash ^ hash >> 32);
    std::size_t at = folded & mask;
    for (; places_[at].number != 0; at = (at + 1) & mask) {
      if (places_[at].hash == folded && equal_(places_[at].number - 1, place)) return false;
    }
    places_[at] = {folded, static_cast<std::uint32_t>(place + 1)};
    return true;
  }

 private:
  struct Place {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  ///< plus one; 0: free
  };

  std::vector<Place> places_;  ///< at most half of them are taken
  Equal equal_;
};

bool is_dialable(const Endpoint& target) {
  return target.port != 0 && !target.address.is_unspecified();
}

/// `which()` names the route: called only for a problem, as a table may have 100 000 good routes.
template <class Which>
void check_targets(const control::Route& route, Which which, Problems& out) {
  if (route.targets.empty()) out.add(fmt::format("{}: no target", which()));
  if (route.targets.size() > control::kMaxTargets) {
    out.add(fmt::format("{}: {} targets, more than {}", which(), route.targets.size(),
                        control::kMaxTargets));
  }
  for (const control::Target& target : route.targets) {
    if (!is_dialable(target.endpoint)) {
      out.add(fmt::format("{}: {} is no address and port to dial", which(), target.endpoint));
    }
  }
  if (route.http && !is_dialable(route.http->target)) {
    out.add(fmt::format("{}: {} is no address and port to dial", which(), route.http->target));
  }
}

std::string_view words_of(control::Protocol protocol) {
  switch (protocol) {
    case control::Protocol::Http:
      return "plain HTTP";
    case control::Protocol::Raw:
      return "a raw port";
    case control::Protocol::Tls:
      break;
  }
  return "TLS";
}

/// Nothing tells the clients of a raw port apart.
template <class Which>
void check_raw(const control::Route& route, Which which, Problems& out) {
  if (route.protocol == control::Protocol::Http) {
    out.add(fmt::format("{}: plain HTTP is no protocol of the port itself", which()));
  }
  if (route.protocol != control::Protocol::Raw) return;
  if (route.pattern.kind() == HostPattern::Kind::CatchAll && !route.http) return;
  out.add(fmt::format("{}: a raw port has neither names nor plain HTTP", which()));
}

/// Each hello is compared with all of them.
template <class Which>
void check_alpn(const control::Route& route, Which which, Problems& out) {
  constexpr std::size_t kMostProtocols = 16;
  constexpr std::size_t kLongestProtocol = 255;
  if (route.alpn.size() > kMostProtocols) {
    out.add(fmt::format("{}: more than {} targets by protocol", which(), kMostProtocols));
  }
  std::set<std::string_view> seen;
  for (const auto& [protocol, target] : route.alpn) {
    if (protocol.empty() || protocol.size() > kLongestProtocol) {
      out.add(fmt::format("{}: a protocol has 1 to {} bytes", which(), kLongestProtocol));
    }
    if (!seen.insert(protocol).second) {
      out.add(fmt::format("{}: two targets for one protocol", which()));
    }
    if (!is_dialable(target)) {
      out.add(fmt::format("{}: {} is no address and port to dial", which(), target));
    }
  }
}

template <class Which>
void check_policy(const control::Route& route, Which which, Problems& out) {
  if (route.access.is_set()) {
    for (const auto& what : problems_of(*route.access)) {
      out.add(fmt::format("{}: {}", which(), what));
    }
  }
  if (!route.limits.is_set()) return;
  for (const auto& what : problems_of(*route.limits)) out.add(fmt::format("{}: {}", which(), what));
}

/// What one route at a time tells of all of them.
struct Ports {
  std::set<control::PublicPort> seen;

  void add(const control::RouteKey& key) {
    if (key.port.number != 0) seen.insert(key.port);
    if (key.http_port.value_or(0) != 0) seen.insert({*key.http_port, control::Protocol::Http});
  }

  /// One port speaks one protocol; ports that the kernel chooses are two.
  void check(Problems& out) const {
    for (auto port = seen.begin(); port != seen.end(); ++port) {
      const auto next = std::next(port);
      if (next == seen.end() || next->number != port->number) continue;
      out.add(fmt::format("port {}: routes for {} and for {}", port->number,
                          words_of(port->protocol), words_of(next->protocol)));
    }
  }
};

/// `key(i)` and `route(i)`, valid until the next call, are those of a table of `count` routes.
template <class Key, class RouteAt>
std::vector<std::string> find_problems_of(const control::Settings& settings, std::size_t count,
                                          Key key, RouteAt route_at) {
  Problems out;
  check_settings(settings, count > 0, out);
  Ports ports;
  for (std::size_t i = 0; i < count; ++i) ports.add(key(i));
  ports.check(out);
  const std::hash<std::string_view> hash;
  Seen names(count, [&](std::size_t a, std::size_t b) { return key(a).name == key(b).name; });
  Seen patterns(count, [&](std::size_t a, std::size_t b) {
    return key(a).port == key(b).port && key(a).pattern == key(b).pattern;
  });
  Seen http_patterns(count, [&](std::size_t a, std::size_t b) {
    return key(a).http_port == key(b).http_port && key(a).pattern == key(b).pattern;
  });
  for (std::size_t i = 0; i < count; ++i) {
    const control::Route& route = route_at(i);
    const auto which = [&] { return fmt::format("route {} ({})", i + 1, route.pattern); };
    if (route.name.empty()) out.add(fmt::format("{}: no name", which()));
    if (!names.insert(i, hash(route.name)) && !route.name.empty()) {
      out.add(fmt::format("{}: an earlier route has the same name", which()));
    }
    const std::size_t pattern = hash(route.pattern.wire_text());
    if (!patterns.insert(i, pattern + route.port)) {
      out.add(fmt::format("{}: an earlier route serves the same on port {}", which(), route.port));
    }
    if (route.http && !http_patterns.insert(i, pattern + route.http->port)) {
      out.add(fmt::format("{}: an earlier route serves the same on port {}", which(),
                          route.http->port));
    }
    if (route.drain < Milliseconds::zero()) out.add(fmt::format("{}: drain is negative", which()));
    check_raw(route, which, out);
    check_targets(route, which, out);
    check_alpn(route, which, out);
    check_policy(route, which, out);
  }
  return out.take();
}

}  // namespace

std::vector<std::string> find_problems(const control::TableView& table) {
  std::optional<control::Route> scratch;
  if (table.size() > 0) scratch = table.route(0);
  return find_problems_of(
      table.settings(), table.size(), [&](std::size_t i) { return table.key(i); },
      [&](std::size_t i) -> const control::Route& {
        table.read_route(i, *scratch);
        return *scratch;
      });
}

std::vector<std::string> find_problems(const control::Table& table) {
  return find_problems_of(
      table.settings, table.routes.size(),
      [&](std::size_t i) { return control::key_of(table.routes[i]); },
      [&](std::size_t i) -> const control::Route& { return table.routes[i]; });
}

}  // namespace adit::relay
