#include "relay/route_table.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "common/control/codec.hpp"

namespace adit::relay {

namespace {

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
  auto encoded = control::encode_table(table);
  auto checked = check_table(encoded);
  if (!checked) return fail(std::move(checked).error());
  return build(std::move(encoded), std::move(*checked), previous, states, digest);
}

std::shared_ptr<const RouteTable> RouteTable::build(std::vector<std::uint8_t> bytes,
                                                    CheckedTable table, const RouteTable* previous,
                                                    RouteStates& states, std::uint64_t digest) {
  assert(table.problems.empty());
  const std::shared_ptr<RouteTable> built(new RouteTable(states));
  built->bytes_ = std::move(bytes);  // which stay where they are
  built->view_ = std::move(table.table);
  built->index_ = std::move(table.index);
  built->ports_ = std::move(table.ports);
  built->access_ = make_rules(built->settings().access);
  built->devices_ = PrefixSet(built->settings().devices);
  built->digest_ = digest != 0 ? digest : control::digest_of_encoded(built->encoded());
  if (previous != nullptr) built->share_with(*previous);
  built->make_elaborate_ones(previous);
  states.forget_unused([&](std::string_view name) { return built->contains(name); });
  return built;
}

/// What is in use in `previous` is in use here: as the same object where it has not changed, so
/// that its new limits hold where it has.
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

std::optional<std::size_t> RouteTable::place_of(control::PublicPort port,
                                                const HostName* name) const {
  if (name != nullptr) {
    const std::string_view text = name->wire_text();
    if (const auto exact = index_.find_pattern(port, "", text, key_at())) return exact;
    const std::size_t dot = text.find('.');
    if (dot != std::string_view::npos) {
      const auto parent = index_.find_pattern(port, "*.", text.substr(dot + 1), key_at());
      if (parent) return parent;
    }
  }
  return index_.find_pattern(port, "", "*", key_at());
}

const std::shared_ptr<const Route>* RouteTable::find(control::PublicPort port,
                                                     const HostName* name) const {
  const auto place = place_of(port, name);
  return place ? use(*place) : nullptr;
}

std::optional<std::size_t> RouteTable::place_of(std::string_view route_name) const {
  return index_.find_name(route_name, key_at());
}

const std::shared_ptr<const Route>* RouteTable::find_by_name(std::string_view route_name) const {
  const auto place = place_of(route_name);
  return place ? use(*place) : nullptr;
}

bool RouteTable::contains(std::string_view route_name) const {
  return place_of(route_name).has_value();
}

}  // namespace adit::relay
