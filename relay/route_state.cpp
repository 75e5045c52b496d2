#include "relay/route_state.hpp"

namespace adit::relay {

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

std::shared_ptr<RouteState> RouteStates::get(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = states_.find(name); known != states_.end()) return known->second;
  return states_.emplace(name, std::make_shared<RouteState>()).first->second;
}

void RouteStates::set_bandwidth(RouteState& state, const control::RouteLimits& limits,
                                std::uint64_t table) {
  const std::scoped_lock lock(mutex_);
  if (table < state.limits_of_) return;
  state.limits_of_ = table;
  state.set_bandwidth(limits);
}

std::uint64_t RouteStates::next_table() {
  const std::scoped_lock lock(mutex_);
  return ++tables_;
}

std::map<std::string, std::shared_ptr<const RouteState>> RouteStates::all() const {
  const std::scoped_lock lock(mutex_);
  return {states_.begin(), states_.end()};
}

}  // namespace adit::relay
