// RouteTable: the immutable snapshot that every lookup goes to. Built whole from a control::Table,
// swapped whole, never edited; a connection keeps its shared_ptr<const Route>, never the table.
// What outlives a push (counters of a route) is its RouteState, found by the route's name. PURE.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "relay/access_rules.hpp"
#include "relay/health_record.hpp"
#include "relay/token_bucket.hpp"

namespace adit::relay {

/// What a route counts. Any thread may add; relaxed order is enough, as nothing but the limit of
/// its connections is decided by them.
struct RouteState {
  std::atomic<std::uint64_t> active{0};       ///< connections open now
  std::atomic<std::uint64_t> connections{0};  ///< connections ever
  std::atomic<std::uint64_t> bytes_to_target{0};
  std::atomic<std::uint64_t> bytes_to_client{0};

  RouteState() = default;

  ~RouteState() { delete bandwidth_.load(std::memory_order_relaxed); }

  RouteState(const RouteState&) = delete;
  RouteState& operator=(const RouteState&) = delete;
  RouteState(RouteState&&) = delete;
  RouteState& operator=(RouteState&&) = delete;

  /// Null until it first gets a limit; then the same for good. Any thread.
  [[nodiscard]] RouteBandwidth* bandwidth() const {
    return bandwidth_.load(std::memory_order_acquire);
  }

  /// Those of `limits` hold from now on, for connections that are open too. One thread (whoever
  /// swaps tables).
  void set_bandwidth(const control::RouteLimits& limits);

 private:
  std::atomic<RouteBandwidth*> bandwidth_{nullptr};
};

struct Route {
  control::Route spec;
  std::shared_ptr<RouteState> state;  ///< never null
  /// Of spec.targets; null: there is one and no check, so nothing to choose.
  std::unique_ptr<const HealthRecords> health;
  std::unique_ptr<const AccessRules> access;  ///< null: everybody is welcome
};

/// The RouteStates of names that left the table while connections still count in them: a name that
/// comes back while its old connections drain counts on. One owner, one thread (whoever builds
/// tables).
class LeavingStates {
 public:
  /// The living state of `name`, or a new one.
  [[nodiscard]] std::shared_ptr<RouteState> get(const std::string& name) const;
  /// Remembers the state of a name that leaves the table, as long as something uses it.
  void keep(const std::string& name, const std::shared_ptr<RouteState>& state);
  /// Forgets names that nothing uses any more. `build` does it.
  void drop_unused();

  [[nodiscard]] std::size_t size() const { return states_.size(); }

 private:
  std::unordered_map<std::string, std::weak_ptr<RouteState>> states_;
};

/// Everything that keeps `table` from being served, one sentence each, at most 100 (the last one
/// then says how many more); empty: it is good. Routes are named by place and displayed pattern,
/// so that the sentences follow the privacy setting.
[[nodiscard]] std::vector<std::string> find_problems(const control::Table& table);

class RouteTable {
 public:
  /// Errc::Invalid with all problems of find_problems, "; " between them, and nothing is changed.
  /// A route that equals the one of the same name in `previous` (may be null) is shared with it.
  /// `digest` is what came with the table (control::Set); 0: it is control::digest(table).
  static Result<std::shared_ptr<const RouteTable>> build(control::Table table,
                                                         const RouteTable* previous,
                                                         LeavingStates& leaving,
                                                         std::uint64_t digest = 0);

  /// The same for a table in which find_problems has found nothing: not looked for again.
  static std::shared_ptr<const RouteTable> build_checked(control::Table table,
                                                         const RouteTable* previous,
                                                         LeavingStates& leaving,
                                                         std::uint64_t digest = 0);

  /// The route for `name` on the listeners of `port`: exact, then the
  /// wildcard of its parent (one label), then the port's catch-all; `name` null (no server name)
  /// only the catch-all. Null: no route. O(1), no allocation; valid as long as the table.
  [[nodiscard]] const std::shared_ptr<const Route>* find(control::PublicPort port,
                                                         const HostName* name) const;

  /// The route called `route_name` ("host/app.example.com"), null if it is not in this table. For
  /// finding out which connections a new table removes; O(1).
  [[nodiscard]] const std::shared_ptr<const Route>* find_by_name(std::string_view route_name) const;

  /// In the table's order.
  [[nodiscard]] std::span<const std::shared_ptr<const Route>> routes() const { return routes_; }

  /// The configured ports that routes use, ascending, each once (0 among them when it is used).
  [[nodiscard]] std::span<const control::PublicPort> ports() const { return ports_; }

  [[nodiscard]] const control::Settings& settings() const { return settings_; }

  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  /// By which the controller knows the table again: see control::Set.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

  /// For every route; null: everybody is welcome.
  [[nodiscard]] const AccessRules* access() const { return access_.get(); }

  /// Where devices come from (settings().devices).
  [[nodiscard]] const PrefixSet& devices() const { return devices_; }

 private:
  /// Open addressing over the routes: `index` is the place in routes_ plus one, 0 means free. A
  /// power of two of them, at most half taken.
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t index = 0;
  };

  using Slots = std::vector<Slot>;

  RouteTable() = default;
  void index_routes();
  void collect_ports();
  /// Remembers the states of `previous` whose names are not in this table.
  void keep_states_of(const RouteTable& previous, LeavingStates& leaving) const;
  /// The route of this hash for which `is_it(spec)` holds.
  template <class IsIt>
  const std::shared_ptr<const Route>* lookup(const Slots& slots, std::uint32_t hash,
                                             IsIt is_it) const;
  [[nodiscard]] const std::shared_ptr<const Route>* find_pattern(control::PublicPort port,
                                                                 HostPattern::Kind kind,
                                                                 std::string_view name) const;

  std::vector<std::shared_ptr<const Route>> routes_;
  Slots by_pattern_;  ///< by (port, kind, name of the pattern)
  Slots by_name_;     ///< by the route's own name
  std::vector<control::PublicPort> ports_;
  control::Settings settings_;
  std::unique_ptr<const AccessRules> access_;
  PrefixSet devices_;
  std::uint64_t revision_ = 0;
  std::uint64_t digest_ = 0;
};

}  // namespace adit::relay
