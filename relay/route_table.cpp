#include "relay/route_table.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include "common/control/codec.hpp"

namespace adit::relay {

namespace {

std::uint32_t hash_of(std::uint16_t port, HostPattern::Kind kind, std::string_view name) {
  const std::uint64_t place = (std::uint64_t{port} << 8) | static_cast<std::uint64_t>(kind);
  std::uint64_t mixed = std::hash<std::string_view>{}(name) ^ (place * 0x9e3779b97f4a7c15ULL);
  mixed ^= mixed >> 32;
  return static_cast<std::uint32_t>(mixed * 0xd6e8feb86659fd93ULL >> 32);
}

bool serves(const control::Route& route, std::uint16_t port, HostPattern::Kind kind,
            std::string_view name) {
  return route.port == port && route.pattern.kind() == kind && route.pattern.name() == name;
}

}  // namespace

std::shared_ptr<RouteState> RouteStates::get(const std::string& name) {
  std::weak_ptr<RouteState>& known = states_[name];
  if (auto living = known.lock()) return living;
  auto fresh = std::make_shared<RouteState>();
  known = fresh;
  return fresh;
}

void RouteStates::drop_unused() {
  std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
}

Result<std::shared_ptr<const RouteTable>> RouteTable::build(const control::Table& table,
                                                            const RouteTable* previous,
                                                            RouteStates& states) {
  if (const auto problems = find_problems(table); !problems.empty()) {
    return fail(Errc::Invalid, fmt::format("{}", fmt::join(problems, "; ")));
  }
  const std::shared_ptr<RouteTable> built(new RouteTable);
  built->settings_ = table.settings;
  built->revision_ = table.revision;
  built->digest_ = control::digest(table);
  built->routes_.reserve(table.routes.size());
  for (const control::Route& spec : table.routes) {
    const auto* old = previous != nullptr ? previous->find_by_name(spec.name) : nullptr;
    if (old != nullptr && (*old)->spec == spec) {
      built->routes_.push_back(*old);
    } else {
      built->routes_.push_back(std::make_shared<const Route>(Route{spec, states.get(spec.name)}));
    }
  }
  built->index_patterns();
  built->index_names();
  built->collect_ports();
  states.drop_unused();
  return built;
}

void RouteTable::index_patterns() {
  slots_.resize(std::bit_ceil(std::max<std::size_t>(routes_.size(), 1) * 2));
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const control::Route& spec = routes_[i]->spec;
    const std::uint32_t hash = hash_of(spec.port, spec.pattern.kind(), spec.pattern.name());
    std::size_t at = hash & mask;
    while (slots_[at].index != 0) at = (at + 1) & mask;
    slots_[at] = {hash, static_cast<std::uint32_t>(i + 1)};
  }
}

void RouteTable::index_names() {
  by_name_.resize(routes_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  std::ranges::sort(by_name_, {}, [this](std::uint32_t i) -> const std::string& {
    return routes_[i]->spec.name;
  });
}

void RouteTable::collect_ports() {
  for (const auto& route : routes_) ports_.push_back(route->spec.port);
  std::ranges::sort(ports_);
  ports_.erase(std::unique(ports_.begin(), ports_.end()), ports_.end());
  ports_.shrink_to_fit();
}

const std::shared_ptr<const Route>* RouteTable::lookup(std::uint16_t port, HostPattern::Kind kind,
                                                       std::string_view name) const {
  const std::uint32_t hash = hash_of(port, kind, name);
  const std::size_t mask = slots_.size() - 1;
  // At most half of the slots are taken, so a free one ends every search.
  for (std::size_t at = hash & mask; slots_[at].index != 0; at = (at + 1) & mask) {
    const auto& route = routes_[slots_[at].index - 1];
    if (slots_[at].hash == hash && serves(route->spec, port, kind, name)) return &route;
  }
  return nullptr;
}

const std::shared_ptr<const Route>* RouteTable::find(std::uint16_t configured_port,
                                                     const HostName* name) const {
  if (name != nullptr) {
    const std::string_view text = name->wire_text();
    if (const auto* route = lookup(configured_port, HostPattern::Kind::Exact, text)) return route;
    const std::size_t dot = text.find('.');
    if (dot != std::string_view::npos) {
      const auto* route =
          lookup(configured_port, HostPattern::Kind::Wildcard, text.substr(dot + 1));
      if (route != nullptr) return route;
    }
  }
  return lookup(configured_port, HostPattern::Kind::CatchAll, {});
}

const std::shared_ptr<const Route>* RouteTable::find_by_name(std::string_view route_name) const {
  const auto name_of = [this](std::uint32_t i) -> std::string_view {
    return routes_[i]->spec.name;
  };
  const auto found = std::ranges::lower_bound(by_name_, route_name, {}, name_of);
  if (found == by_name_.end() || name_of(*found) != route_name) return nullptr;
  return &routes_[*found];
}

}  // namespace adit::relay
