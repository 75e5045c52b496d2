// LiveView: how the parts of one snapshot fit together: the state of each site and host, and the
// counters of each route. Borrows the snapshot. PURE: the wall clock enters as a parameter.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "controller/apply/snapshot.hpp"

namespace adit::api {

class LiveView {
 public:
  /// `snapshot` must outlive this object; `wall_now`: seconds since 1970.
  LiveView(const apply::Snapshot& snapshot, std::int64_t wall_now);

  /// "direct", "pending-key", "waiting" (a key, never a handshake), "up" or "down".
  [[nodiscard]] std::string_view site_state(const std::string& site) const;
  /// The peer of the site as WireGuard has it; null if there is none.
  [[nodiscard]] const wireguard::Peer* peer_of(const config::Site& site) const;
  /// Seconds since its latest handshake; nothing if there was none.
  [[nodiscard]] std::optional<std::int64_t> handshake_age(const config::Site& site) const;

  /// "ok", "site-down", "pending-key" or "not-live" (the relay does not serve it now).
  [[nodiscard]] std::string_view host_state(const std::string& site,
                                            control::PublicPort port) const;
  /// The relay's numbers for a route; zeros if it has none.
  [[nodiscard]] control::RouteStats route_stats(const std::string& route) const;
  /// What the relay knows of a target of a route; null if it said nothing.
  [[nodiscard]] const control::TargetHealth* target_health(const std::string& route,
                                                           const Endpoint& target) const;
  /// The port that is open for the configured one: differs where that is 0; the configured one if
  /// nothing is open.
  [[nodiscard]] std::uint16_t open_port(control::PublicPort configured) const;
  /// True if the relay runs the table that the head asks for.
  [[nodiscard]] bool is_table_live() const;

  [[nodiscard]] const apply::Snapshot& snapshot() const { return snapshot_; }

  /// True if the tunnel's interface is there and has this node's key: it is adit's.
  [[nodiscard]] bool has_own_interface() const;
  /// WireGuard's UDP port: that of our interface, else the one it is to have.
  [[nodiscard]] std::uint16_t listen_port() const;

  /// Seconds since 1970.
  [[nodiscard]] std::int64_t wall_now() const { return wall_now_; }

  [[nodiscard]] const config::Resources& resources() const { return snapshot_.state->resources; }

 private:
  [[nodiscard]] bool is_port_open(control::PublicPort configured) const;

  const apply::Snapshot& snapshot_;
  std::int64_t wall_now_;
  std::unordered_map<std::string_view, const control::RouteStats*> stats_;
  std::map<std::pair<std::string_view, Endpoint>, const control::TargetHealth*> health_;
};

}  // namespace adit::api
