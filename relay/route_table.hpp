// RouteTable: the immutable snapshot that every lookup goes to. Built whole, swapped whole, never
// edited; a connection keeps its shared_ptr<const Route>, never the table. What outlives a push
// (counters of a route) is its RouteState, found by the route's name. PURE.
//
// The table stays encoded: a Route is made when it is first found, and is the same from then on, in
// the next tables too as long as it does not change. So a table of 100 000 routes costs the bytes
// that it came in, an index over them, and what is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/control/messages.hpp"
#include "common/control/table_view.hpp"
#include "common/result.hpp"
#include "relay/access_rules.hpp"
#include "relay/health_record.hpp"
#include "relay/route_index.hpp"
#include "relay/route_state.hpp"

namespace adit::relay {

struct Route {
  control::Route spec;
  std::shared_ptr<RouteState> state;  ///< never null
  /// Of spec.targets; null: there is one and no check, so nothing to choose.
  std::unique_ptr<const HealthRecords> health;
  std::unique_ptr<const AccessRules> access;  ///< null: everybody is welcome
};

/// Everything that keeps `table` from being served, one sentence each, at most 100 (the last one
/// then says how many more); empty: it is good. Routes are named by place and displayed pattern,
/// so that the sentences follow the privacy setting.
[[nodiscard]] std::vector<std::string> find_problems(const control::Table& table);

/// A table as it came, and what find_problems says of it.
struct CheckedTable {
  control::TableView table;
  std::vector<control::PublicPort> ports;  ///< that its routes use, ascending, each once
  RouteIndex index;                        ///< of its routes, if there is no problem
  std::vector<std::string> problems;
};

/// Both in one pass over `bytes`, which must outlive the result. Errc::Protocol: no table.
[[nodiscard]] Result<CheckedTable> check_table(std::span<const std::uint8_t> bytes);

class RouteTable {
 public:
  /// From a table without problems, which stands somewhere in `bytes`. Routes of `previous` (may be
  /// null) that are in use and have not changed are shared with it. `states` outlives the table.
  /// `digest` is what came with the table (control::Set); 0: it is computed.
  static std::shared_ptr<const RouteTable> build(std::vector<std::uint8_t> bytes,
                                                 CheckedTable table, const RouteTable* previous,
                                                 RouteStates& states, std::uint64_t digest = 0);

  /// The same from values: Errc::Invalid with all problems of find_problems, "; " between them, and
  /// nothing is changed.
  static Result<std::shared_ptr<const RouteTable>> build(const control::Table& table,
                                                         const RouteTable* previous,
                                                         RouteStates& states,
                                                         std::uint64_t digest = 0);

  /// The route for `name` on the listeners of `port`: exact, then the
  /// wildcard of its parent (one label), then the port's catch-all; `name` null (no server name)
  /// only the catch-all. Null: no route. O(1), and no allocation but for a route's first time.
  /// Valid as long as the table. Any thread.
  [[nodiscard]] const std::shared_ptr<const Route>* find(control::PublicPort port,
                                                         const HostName* name) const;

  /// The route called `route_name` ("host/app.example.com"), null if it is not in this table. O(1).
  [[nodiscard]] const std::shared_ptr<const Route>* find_by_name(std::string_view route_name) const;
  /// Whether there is one; none is made.
  [[nodiscard]] bool contains(std::string_view route_name) const;

  /// How many routes there are.
  [[nodiscard]] std::size_t size() const { return view_.size(); }

  /// Of the route at `place`, in the table's order.
  [[nodiscard]] std::string_view name_of(std::size_t place) const { return view_.key(place).name; }

  /// Those that somebody has found until now, and those with a health or access, which are made
  /// with the table; in the table's order.
  [[nodiscard]] std::vector<std::shared_ptr<const Route>> used_routes() const;

  /// The limits of the used ones hold from now on.
  void apply_limits() const;

  /// The configured ports that routes use, ascending, each once (0 among them when it is used).
  [[nodiscard]] std::span<const control::PublicPort> ports() const { return ports_; }

  [[nodiscard]] const control::Settings& settings() const { return view_.settings(); }

  [[nodiscard]] std::uint64_t revision() const { return view_.revision(); }

  /// As it came.
  [[nodiscard]] std::span<const std::uint8_t> encoded() const { return view_.bytes(); }

  /// By which the controller knows the table again: see control::Set.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

  /// For every route; null: everybody is welcome.
  [[nodiscard]] const AccessRules* access() const { return access_.get(); }

  /// Where devices come from (settings().devices).
  [[nodiscard]] const PrefixSet& devices() const { return devices_; }

 private:
  explicit RouteTable(RouteStates& states) : states_(&states), number_(states.next_table()) {}

  void share_with(const RouteTable& previous);
  void make_elaborate_ones(const RouteTable* previous);
  [[nodiscard]] Route make_route(std::size_t place) const;
  const std::shared_ptr<const Route>* use(std::size_t place) const;

  [[nodiscard]] auto key_at() const {
    return [this](std::size_t place) { return view_.key(place); };
  }

  [[nodiscard]] std::optional<std::size_t> place_of(std::string_view route_name) const;
  [[nodiscard]] std::optional<std::size_t> place_of(control::PublicPort port,
                                                    const HostName* name) const;

  std::vector<std::uint8_t> bytes_;
  control::TableView view_;  ///< of a part of bytes_
  RouteIndex index_;
  std::vector<control::PublicPort> ports_;
  std::unique_ptr<const AccessRules> access_;
  PrefixSet devices_;
  std::uint64_t digest_ = 0;
  RouteStates* states_;
  std::uint64_t number_;  ///< RouteStates::next_table
  mutable std::mutex used_mutex_;
  /// By place; guarded by used_mutex_. What is in it stays, and stays where it is.
  mutable std::unordered_map<std::uint32_t, std::shared_ptr<const Route>> used_;
};

}  // namespace adit::relay
