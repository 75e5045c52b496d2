// What keeps a table from being served. The controller checks the same and more before it sends
// one; the relay trusts nobody, and a cached table may be from another version.
#include <algorithm>
#include <array>
#include <cstdint>
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

  /// Those of `first`, then those of `second`.
  static std::vector<std::string> take(Problems first, Problems second) {
    for (auto& what : second.listed_) first.add(std::move(what));
    if (second.unlisted_ > 0) {
      first.unlisted_ += second.unlisted_;
      first.last_ = std::move(second.last_);
    }
    if (first.unlisted_ == 1) first.listed_.push_back(std::move(first.last_));
    if (first.unlisted_ > 1) {
      first.listed_.push_back(fmt::format("and {} more problems", first.unlisted_));
    }
    return std::move(first.listed_);
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

/// One port speaks one protocol; ports that the kernel chooses are two.
void check_protocols(const std::set<control::PublicPort>& ports, Problems& out) {
  for (auto port = ports.begin(); port != ports.end(); ++port) {
    const auto next = std::next(port);
    if (next == ports.end() || port->number == 0 || next->number != port->number) continue;
    out.add(fmt::format("port {}: routes for {} and for {}", port->number, words_of(port->protocol),
                        words_of(next->protocol)));
  }
}

/// Takes the routes of a table one after the other. `key(i)` is that of one that it was given.
template <class Key>
class RouteChecks {
 public:
  RouteChecks(std::size_t count, Key key) : key_(key), index_(count) {}

  void add(std::size_t i, const control::Route& route) {
    const auto which = [&] { return fmt::format("route {} ({})", i + 1, route.pattern); };
    note_port(route.public_port());
    if (route.http) note_port({route.http->port, control::Protocol::Http});
    check_name(i, route, which);
    check_pattern(i, route, which);
    if (route.drain < Milliseconds::zero()) out_.add(fmt::format("{}: drain is negative", which()));
    check_raw(route, which, out_);
    check_targets(route, which, out_);
    check_alpn(route, which, out_);
    check_policy(route, which, out_);
  }

  /// Of all routes, if there is no problem.
  [[nodiscard]] RouteIndex take_index() { return std::move(index_); }

  /// Ascending, each once.
  [[nodiscard]] std::vector<control::PublicPort> ports() const {
    return {ports_.begin(), ports_.end()};
  }

  /// All problems, once all routes were added.
  std::vector<std::string> finish(const control::Settings& settings, bool has_routes) {
    Problems of_all;
    check_settings(settings, has_routes, of_all);
    check_protocols(ports_, of_all);
    return Problems::take(std::move(of_all), std::move(out_));
  }

 private:
  /// Nearly all routes have the same.
  void note_port(control::PublicPort port) {
    auto& last = last_port_[port.protocol == control::Protocol::Http ? 0 : 1];
    if (port == last) return;
    last = port;
    ports_.insert(port);
  }

  template <class Which>
  void check_name(std::size_t i, const control::Route& route, Which which) {
    if (route.name.empty()) out_.add(fmt::format("{}: no name", which()));
    if (!index_.insert_name(route.name, i, key_) && !route.name.empty()) {
      out_.add(fmt::format("{}: an earlier route has the same name", which()));
    }
  }

  template <class Which>
  void check_pattern(std::size_t i, const control::Route& route, Which which) {
    const auto check_on = [&](control::PublicPort port) {
      if (index_.insert_pattern(port, route.pattern.wire_text(), i, key_)) return;
      out_.add(
          fmt::format("{}: an earlier route serves the same on port {}", which(), port.number));
    };
    check_on(route.public_port());
    if (route.http) check_on({route.http->port, control::Protocol::Http});
  }

  Key key_;
  RouteIndex index_;
  std::set<control::PublicPort> ports_;
  std::array<std::optional<control::PublicPort>, 2> last_port_;  ///< of plain HTTP, of the others
  Problems out_;
};

}  // namespace

Result<CheckedTable> check_table(std::span<const std::uint8_t> bytes) {
  const control::TableView* table = nullptr;
  RouteChecks checks(control::TableView::likely_routes(bytes),
                     [&table](std::size_t i) { return table->key(i); });
  auto view = control::TableView::parse(
      bytes, [&](const control::TableView& so_far, std::size_t i, const control::Route& route) {
        table = &so_far;
        checks.add(i, route);
      });
  if (!view) return fail(std::move(view).error());
  auto problems = checks.finish(view->settings(), view->size() > 0);
  return CheckedTable{std::move(*view), checks.ports(), checks.take_index(), std::move(problems)};
}

std::vector<std::string> find_problems(const control::Table& table) {
  RouteChecks checks(table.routes.size(),
                     [&table](std::size_t i) { return control::key_of(table.routes[i]); });
  for (std::size_t i = 0; i < table.routes.size(); ++i) checks.add(i, table.routes[i]);
  return checks.finish(table.settings, !table.routes.empty());
}

}  // namespace adit::relay
