#include "controller/api/live_view.hpp"

#include <algorithm>

#include "controller/apply/reconciler.hpp"

namespace adit::api {

LiveView::LiveView(const apply::Snapshot& snapshot, std::int64_t wall_now)
    : snapshot_(snapshot), wall_now_(wall_now) {
  if (!snapshot.relay) return;
  if (snapshot.health) {
    for (const auto& each : snapshot.health->targets) {
      health_.try_emplace({each.route, each.target}, &each);
    }
  }
  stats_.reserve(snapshot.relay->routes.size());
  for (const auto& route : snapshot.relay->routes) stats_.emplace(route.name, &route);
}

const wireguard::Peer* LiveView::peer_of(const config::Site& site) const {
  if (!site.public_key || !snapshot_.interface) return nullptr;
  const auto& peers = snapshot_.interface->device.peers;
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const wireguard::Peer& peer) {
    return peer.public_key == *site.public_key;
  });
  return found == peers.end() ? nullptr : &*found;
}

std::optional<std::int64_t> LiveView::handshake_age(const config::Site& site) const {
  const wireguard::Peer* peer = peer_of(site);
  if (peer == nullptr || peer->latest_handshake == 0) return std::nullopt;
  return std::max<std::int64_t>(0, wall_now_ - peer->latest_handshake);
}

std::string_view LiveView::site_state(const std::string& site) const {
  if (site == config::kDirectSite) return "direct";
  const auto found = resources().sites.find(site);
  if (found == resources().sites.end()) return "down";
  if (!found->second.public_key) return "pending-key";
  const auto age = handshake_age(found->second);
  if (!age) return "waiting";
  return *age < apply::kHandshakeLifetime.count() ? "up" : "down";
}

std::string_view LiveView::host_state(const std::string& site, control::PublicPort port) const {
  if (!is_table_live() || !is_port_open(port)) return "not-live";
  const std::string_view state = site_state(site);
  if (state == "pending-key") return state;
  return state == "waiting" || state == "down" ? "site-down" : "ok";
}

control::RouteStats LiveView::route_stats(const std::string& route) const {
  const auto found = stats_.find(route);
  if (found != stats_.end()) return *found->second;
  control::RouteStats none;
  none.name = route;
  return none;
}

const control::TargetHealth* LiveView::target_health(const std::string& route,
                                                     const Endpoint& target) const {
  const auto found = health_.find({route, target});
  return found == health_.end() ? nullptr : found->second;
}

std::uint16_t LiveView::open_port(control::PublicPort configured) const {
  if (!snapshot_.relay) return configured.number;
  for (const auto& listener : snapshot_.relay->listeners) {
    if (listener.configured.public_port() == configured && listener.bound_port != 0) {
      return listener.bound_port;
    }
  }
  return configured.number;
}

bool LiveView::is_port_open(control::PublicPort configured) const {
  const auto& listeners = snapshot_.relay->listeners;
  return std::any_of(listeners.begin(), listeners.end(), [&](const control::ListenerStats& open) {
    return open.configured.public_port() == configured && open.bound_port != 0;
  });
}

bool LiveView::has_own_interface() const {
  return snapshot_.interface &&
         snapshot_.interface->device.public_key == snapshot_.node->identity.public_key;
}

std::uint16_t LiveView::listen_port() const {
  return has_own_interface() ? snapshot_.interface->device.listen_port
                             : snapshot_.node->identity.listen_port;
}

bool LiveView::is_table_live() const {
  return snapshot_.relay && snapshot_.relay->table_digest == snapshot_.state->table_digest;
}

}  // namespace adit::api
