#include "controller/apply/removal_gate.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace adit::apply {

void RemovalGate::replace(const control::Table& before, const control::Table& after) {
  std::unordered_map<std::string_view, const control::Route*> kept;
  kept.reserve(after.routes.size());
  for (const control::Route& route : after.routes) kept.emplace(route.name, &route);
  for (const control::Route& route : before.routes) {
    const auto found = kept.find(route.name);
    const bool is_same = found != kept.end() && found->second->targets == route.targets &&
                         found->second->alpn == route.alpn && found->second->http == route.http;
    if (is_same) continue;
    pending_ = std::max(pending_, route.drain);
  }
}

void RemovalGate::table_is_live(TimePoint now) {
  if (pending_ == Milliseconds{0}) return;
  opens_ = std::max(opens_, now + pending_);
  pending_ = Milliseconds{0};
}

}  // namespace adit::apply
