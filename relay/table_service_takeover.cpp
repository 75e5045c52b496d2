// TableService in a live take-over: routes of connections that come from another process.
#include <utility>

#include "common/control/codec.hpp"
#include "relay/table_service.hpp"

namespace adit::relay {

std::shared_ptr<const Route> TableService::route_of_moved(const std::string& name,
                                                          std::span<const std::uint8_t> own) {
  const auto* live = table_->find_by_name(name);
  if (own.empty()) return live != nullptr ? *live : nullptr;
  auto table = control::decode_table(own);
  if (!table || table->routes.size() != 1) return nullptr;
  control::Route& spec = table->routes.front();
  if (spec.name != name || spec.targets.empty()) return nullptr;
  auto state = states_.get(name);
  if (live == nullptr) state->set_bandwidth(*spec.limits);
  return std::make_shared<const Route>(Route{std::move(spec), std::move(state), nullptr, nullptr});
}

void TableService::inherit(std::span<const control::RouteStats> routes) {
  for (const control::RouteStats& counted : routes) {
    const bool has_counted =
        (counted.connections | counted.bytes_to_target | counted.bytes_to_client) != 0;
    if (!has_counted || !table_->contains(counted.name)) continue;
    RouteState& state = *states_.get(counted.name);
    state.connections.fetch_add(counted.connections, std::memory_order_relaxed);
    state.bytes_to_target.fetch_add(counted.bytes_to_target, std::memory_order_relaxed);
    state.bytes_to_client.fetch_add(counted.bytes_to_client, std::memory_order_relaxed);
  }
}

}  // namespace adit::relay
