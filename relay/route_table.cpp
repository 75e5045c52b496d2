#include "relay/route_table.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "common/control/codec.hpp"

namespace adit::relay {

namespace {

std::uint32_t hash_of(control::PublicPort port, HostPattern::Kind kind, std::string_view name) {
  const std::uint64_t place = (std::uint64_t{port.number} << 16) |
                              (static_cast<std::uint64_t>(port.protocol) << 8) |
                              static_cast<std::uint64_t>(kind);
  std::uint64_t mixed = std::hash<std::string_view>{}(name) ^ (place * 0x9e3779b97f4a7c15ULL);
  mixed ^= mixed >> 32;
  return static_cast<std::uint32_t>(mixed * 0xd6e8feb86659fd93ULL >> 32);
}

std::uint32_t hash_of(std::string_view route_name) {
  return hash_of({}, HostPattern::Kind::Exact, route_name);
}

std::uint32_t hash_of(control::PublicPort port, const HostPattern& pattern) {
  return hash_of(port, pattern.kind(), pattern.name());
}

control::PublicPort http_port(const control::Route& spec) {
  return {spec.http->port, control::Protocol::Http};
}

/// Slots for `count` entries: a power of two, at most half taken.
std::size_t slots_for(std::size_t count) {
  return std::bit_ceil(std::max<std::size_t>(count, 1) * 2);
}

/// The records of a table's targets: one for each endpoint, check and PROXY header, that of the
/// table before where it had one.
class HealthBook {
 public:
  explicit HealthBook(const RouteTable* previous) {
    if (previous == nullptr) return;
    for (const auto& route : previous->routes()) {
      if (!route->health) continue;
      for (const auto& record : *route->health) {
        records_.try_emplace({record->target(), record->check(), record->proxy_protocol()}, record);
      }
    }
  }

  std::unique_ptr<const HealthRecords> records_for(const control::Route& spec) {
    if (spec.targets.size() == 1 && spec.check == control::HealthCheck::None) return nullptr;
    HealthRecords out;
    out.reserve(spec.targets.size());
    for (const control::Target& target : spec.targets) {
      auto& record = records_[{target.endpoint, spec.check, spec.proxy_protocol}];
      if (!record) {
        record = std::make_shared<HealthRecord>(target.endpoint, spec.check, spec.proxy_protocol);
      }
      out.push_back(record);
    }
    return std::make_unique<const HealthRecords>(std::move(out));
  }

 private:
  using Key = std::tuple<Endpoint, control::HealthCheck, control::ProxyProtocol>;

  std::map<Key, std::shared_ptr<HealthRecord>> records_;
};

std::unique_ptr<const AccessRules> make_rules(const Rare<control::Access>& access) {
  return access.is_set() ? std::make_unique<const AccessRules>(*access) : nullptr;
}

}  // namespace

void RouteState::set_bandwidth(const control::RouteLimits& limits) {
  RouteBandwidth* known = bandwidth();
  if (known == nullptr) {
    if (limits.bandwidth == 0 && limits.bandwidth_per_client == 0) return;
    known = new RouteBandwidth;
  }
  known->of_route.store(limits.bandwidth, std::memory_order_relaxed);
  known->of_client.store(limits.bandwidth_per_client, std::memory_order_relaxed);
  bandwidth_.store(known, std::memory_order_release);
}

std::shared_ptr<RouteState> LeavingStates::get(const std::string& name) const {
  if (const auto known = states_.find(name); known != states_.end()) {
    if (auto living = known->second.lock()) return living;
  }
  return std::make_shared<RouteState>();
}

void LeavingStates::keep(const std::string& name, const std::shared_ptr<RouteState>& state) {
  states_[name] = state;
}

void LeavingStates::drop_unused() {
  std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
}

Result<std::shared_ptr<const RouteTable>> RouteTable::build(control::Table table,
                                                            const RouteTable* previous,
                                                            LeavingStates& leaving,
                                                            std::uint64_t digest) {
  if (const auto problems = find_problems(table); !problems.empty()) {
    return fail(Errc::Invalid, fmt::format("{}", fmt::join(problems, "; ")));
  }
  return build_checked(std::move(table), previous, leaving, digest);
}

std::shared_ptr<const RouteTable> RouteTable::build_checked(control::Table table,
                                                            const RouteTable* previous,
                                                            LeavingStates& leaving,
                                                            std::uint64_t digest) {
  const std::shared_ptr<RouteTable> built(new RouteTable);
  built->settings_ = table.settings;
  built->access_ = make_rules(table.settings.access);
  built->devices_ = PrefixSet(table.settings.devices);
  built->revision_ = table.revision;
  built->digest_ = digest != 0 ? digest : control::digest(table);
  built->routes_.reserve(table.routes.size());
  HealthBook health(previous);
  for (control::Route& spec : table.routes) {
    const auto* old = previous != nullptr ? previous->find_by_name(spec.name) : nullptr;
    if (old != nullptr && (*old)->spec == spec) {
      built->routes_.push_back(*old);
    } else {
      auto state = old != nullptr ? (*old)->state : leaving.get(spec.name);
      auto records = health.records_for(spec);
      auto rules = make_rules(spec.access);
      built->routes_.push_back(std::make_shared<const Route>(
          Route{std::move(spec), std::move(state), std::move(records), std::move(rules)}));
    }
  }
  built->index_routes();
  built->collect_ports();
  leaving.drop_unused();
  if (previous != nullptr) built->keep_states_of(*previous, leaving);
  return built;
}

void RouteTable::keep_states_of(const RouteTable& previous, LeavingStates& leaving) const {
  for (const auto& route : previous.routes_) {
    if (find_by_name(route->spec.name) == nullptr) leaving.keep(route->spec.name, route->state);
  }
}

void RouteTable::index_routes() {
  const auto with_http = static_cast<std::size_t>(std::ranges::count_if(
      routes_, [](const auto& route) { return route->spec.http.has_value(); }));
  by_pattern_.resize(slots_for(routes_.size() + with_http));
  by_name_.resize(slots_for(routes_.size()));
  const auto insert = [](Slots& slots, std::uint32_t hash, std::uint32_t index) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = hash & mask;
    while (slots[at].index != 0) at = (at + 1) & mask;
    slots[at] = {hash, index};
  };
  for (std::uint32_t i = 0; i < routes_.size(); ++i) {
    const control::Route& spec = routes_[i]->spec;
    insert(by_pattern_, hash_of(spec.public_port(), spec.pattern), i + 1);
    if (spec.http) insert(by_pattern_, hash_of(http_port(spec), spec.pattern), i + 1);
    insert(by_name_, hash_of(spec.name), i + 1);
  }
}

void RouteTable::collect_ports() {
  for (const auto& route : routes_) {
    ports_.push_back(route->spec.public_port());
    if (route->spec.http) ports_.push_back(http_port(route->spec));
  }
  std::ranges::sort(ports_);
  ports_.erase(std::unique(ports_.begin(), ports_.end()), ports_.end());
  ports_.shrink_to_fit();
}

template <class IsIt>
const std::shared_ptr<const Route>* RouteTable::lookup(const Slots& slots, std::uint32_t hash,
                                                       IsIt is_it) const {
  const std::size_t mask = slots.size() - 1;
  // At most half of the slots are taken, so a free one ends every search.
  for (std::size_t at = hash & mask; slots[at].index != 0; at = (at + 1) & mask) {
    const auto& route = routes_[slots[at].index - 1];
    if (slots[at].hash == hash && is_it(route->spec)) return &route;
  }
  return nullptr;
}

const std::shared_ptr<const Route>* RouteTable::find_pattern(control::PublicPort port,
                                                             HostPattern::Kind kind,
                                                             std::string_view name) const {
  return lookup(by_pattern_, hash_of(port, kind, name), [&](const control::Route& spec) {
    return spec.is_on(port) && spec.pattern.kind() == kind && spec.pattern.name() == name;
  });
}

const std::shared_ptr<const Route>* RouteTable::find(control::PublicPort port,
                                                     const HostName* name) const {
  if (name != nullptr) {
    const std::string_view text = name->wire_text();
    if (const auto* route = find_pattern(port, HostPattern::Kind::Exact, text)) return route;
    const std::size_t dot = text.find('.');
    if (dot != std::string_view::npos) {
      const auto* route = find_pattern(port, HostPattern::Kind::Wildcard, text.substr(dot + 1));
      if (route != nullptr) return route;
    }
  }
  return find_pattern(port, HostPattern::Kind::CatchAll, {});
}

const std::shared_ptr<const Route>* RouteTable::find_by_name(std::string_view route_name) const {
  return lookup(by_name_, hash_of(route_name),
                [&](const control::Route& spec) { return spec.name == route_name; });
}

}  // namespace adit::relay
