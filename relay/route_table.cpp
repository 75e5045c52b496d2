#include "relay/route_table.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <set>
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

control::PublicPort http_port_of(const control::RouteKey& key) {
  return {*key.http_port, control::Protocol::Http};
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
    for (const auto& route : previous->used_routes()) {
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

// --- building

Result<std::shared_ptr<const RouteTable>> RouteTable::build(const control::Table& table,
                                                            const RouteTable* previous,
                                                            RouteStates& states,
                                                            std::uint64_t digest) {
  if (const auto problems = find_problems(table); !problems.empty()) {
    return fail(Errc::Invalid, fmt::format("{}", fmt::join(problems, "; ")));
  }
  const auto encoded = control::encode_table(table);
  const auto view = control::TableView::parse(encoded);
  if (!view) return fail(view.error());
  return build(*view, previous, states, digest);
}

std::shared_ptr<const RouteTable> RouteTable::build(const control::TableView& table,
                                                    const RouteTable* previous,
                                                    RouteStates& states, std::uint64_t digest) {
  const std::shared_ptr<RouteTable> built(new RouteTable(states));
  built->bytes_.assign(table.bytes().begin(), table.bytes().end());
  built->view_ = table.in(built->bytes_);
  built->access_ = make_rules(table.settings().access);
  built->devices_ = PrefixSet(table.settings().devices);
  built->digest_ = digest != 0 ? digest : control::digest_of_encoded(built->bytes_);
  built->index_routes();
  if (previous != nullptr) built->share_with(*previous);
  built->make_elaborate_ones(previous);
  states.forget_unused([&](std::string_view name) { return built->contains(name); });
  return built;
}

void RouteTable::index_routes() {
  std::size_t patterns = 0;
  std::set<control::PublicPort> ports;
  for (std::size_t place = 0; place < size(); ++place) {
    const auto key = view_.key(place);
    ports.insert(key.port);
    if (key.http_port) ports.insert(http_port_of(key));
    patterns += key.http_port ? 2 : 1;
  }
  ports_.assign(ports.begin(), ports.end());
  by_pattern_.resize(slots_for(patterns));
  by_name_.resize(slots_for(size()));
  const auto insert = [](Slots& slots, std::uint32_t hash, std::uint32_t index) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = hash & mask;
    while (slots[at].index != 0) at = (at + 1) & mask;
    slots[at] = {hash, index};
  };
  for (std::uint32_t place = 0; place < size(); ++place) {
    const auto key = view_.key(place);
    insert(by_pattern_, hash_of(key.port, key.kind(), key.host()), place + 1);
    if (key.http_port) {
      insert(by_pattern_, hash_of(http_port_of(key), key.kind(), key.host()), place + 1);
    }
    insert(by_name_, hash_of(key.name), place + 1);
  }
}

/// What is in use in `previous` is in use here: as the same object where it has not changed, so that
/// its new limits hold where it has.
void RouteTable::share_with(const RouteTable& previous) {
  const std::scoped_lock lock(previous.used_mutex_);
  for (const auto& [old_place, route] : previous.used_) {
    const auto place = place_of(route->spec.name);
    if (!place) continue;
    const auto old_bytes = previous.view_.route_bytes(old_place);
    const bool is_same = std::ranges::equal(old_bytes, view_.route_bytes(*place));
    if (!is_same && view_.is_elaborate(*place)) continue;  // made with all of these
    used_.emplace(static_cast<std::uint32_t>(*place),
                  is_same ? route : std::make_shared<const Route>(make_route(*place)));
  }
}

/// Checks begin with the table, and large lists are made here and not by a worker whose clients
/// would wait.
void RouteTable::make_elaborate_ones(const RouteTable* previous) {
  std::optional<HealthBook> health;
  for (std::uint32_t place = 0; place < size(); ++place) {
    if (!view_.is_elaborate(place) || used_.contains(place)) continue;
    if (!health) health.emplace(previous);
    Route route = make_route(place);
    route.health = health->records_for(route.spec);
    route.access = make_rules(route.spec.access);
    used_.emplace(place, std::make_shared<const Route>(std::move(route)));
  }
}

Route RouteTable::make_route(std::size_t place) const {
  control::Route spec = view_.route(place);
  auto state = states_->get(spec.name);
  return {std::move(spec), std::move(state), nullptr, nullptr};
}

// --- what is in use

const std::shared_ptr<const Route>* RouteTable::use(std::size_t place) const {
  const auto key = static_cast<std::uint32_t>(place);
  const std::scoped_lock lock(used_mutex_);
  if (const auto known = used_.find(key); known != used_.end()) return &known->second;
  Route route = make_route(place);
  states_->set_bandwidth(*route.state, *route.spec.limits, number_);
  return &used_.emplace(key, std::make_shared<const Route>(std::move(route))).first->second;
}

std::vector<std::shared_ptr<const Route>> RouteTable::used_routes() const {
  std::vector<std::pair<std::uint32_t, std::shared_ptr<const Route>>> used;
  {
    const std::scoped_lock lock(used_mutex_);
    used.assign(used_.begin(), used_.end());
  }
  std::ranges::sort(used, {}, [](const auto& each) { return each.first; });
  std::vector<std::shared_ptr<const Route>> out;
  out.reserve(used.size());
  for (auto& [place, route] : used) out.push_back(std::move(route));
  return out;
}

void RouteTable::apply_limits() const {
  for (const auto& route : used_routes()) {
    states_->set_bandwidth(*route->state, *route->spec.limits, number_);
  }
}

// --- looking up

template <class IsIt>
std::optional<std::size_t> RouteTable::lookup(const Slots& slots, std::uint32_t hash,
                                              IsIt is_it) const {
  const std::size_t mask = slots.size() - 1;
  // At most half of the slots are taken, so a free one ends every search.
  for (std::size_t at = hash & mask; slots[at].index != 0; at = (at + 1) & mask) {
    const std::size_t place = slots[at].index - 1;
    if (slots[at].hash == hash && is_it(view_.key(place))) return place;
  }
  return std::nullopt;
}

const std::shared_ptr<const Route>* RouteTable::find_pattern(control::PublicPort port,
                                                             HostPattern::Kind kind,
                                                             std::string_view host) const {
  const auto place =
      lookup(by_pattern_, hash_of(port, kind, host), [&](const control::RouteKey& key) {
        return key.is_on(port) && key.kind() == kind && key.host() == host;
      });
  return place ? use(*place) : nullptr;
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

std::optional<std::size_t> RouteTable::place_of(std::string_view route_name) const {
  return lookup(by_name_, hash_of(route_name),
                [&](const control::RouteKey& key) { return key.name == route_name; });
}

const std::shared_ptr<const Route>* RouteTable::find_by_name(std::string_view route_name) const {
  const auto place = place_of(route_name);
  return place ? use(*place) : nullptr;
}

bool RouteTable::contains(std::string_view route_name) const {
  return place_of(route_name).has_value();
}

}  // namespace adit::relay
