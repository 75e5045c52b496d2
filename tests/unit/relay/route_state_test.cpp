// Which routes of a table are made, when, and what of them outlives it.
#include "relay/route_state.hpp"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "relay/route_table.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

using test::make_route;
using test::make_table;

std::shared_ptr<const RouteTable> build(const control::Table& table, RouteStates& states,
                                        const RouteTable* previous = nullptr) {
  return RouteTable::build(table, previous, states).value();
}

TEST_CASE("route_table: a route is made when it is found, and once", "[relay]") {
  RouteStates states;
  const auto table =
      build(make_table({make_route("a", "a.test"), make_route("b", "b.test")}), states);
  CHECK(table->used_routes().empty());
  CHECK(states.all().size() == 0);
  CHECK(table->contains("b"));
  const auto route = *table->find_by_name("b");
  CHECK(*table->find_by_name("b") == route);
  CHECK(table->used_routes() == std::vector{route});
  CHECK(states.all().at("b") == route->state);
  CHECK(states.all().size() == 1);
}

TEST_CASE("route_table: a new limit holds for what is in use, and nothing else is made",
          "[relay]") {
  RouteStates states;
  auto used = make_route("used", "used.test");
  auto unused = make_route("unused", "unused.test");
  const auto first = build(make_table({used, unused}), states);
  const auto state = (*first->find_by_name("used"))->state;
  CHECK(state->bandwidth() == nullptr);
  used.limits = unused.limits = control::RouteLimits{.bandwidth = 8'000};
  const auto second = build(make_table({unused, used}), states, first.get());
  second->apply_limits();
  REQUIRE(state->bandwidth() != nullptr);
  CHECK(state->bandwidth()->of_route == 8'000);
  CHECK(second->used_routes().size() == 1);
}

TEST_CASE("route_table: many threads find the same routes", "[relay]") {
  RouteStates states;
  std::vector<control::Route> routes;
  constexpr int kRoutes = 200;
  for (int i = 0; i < kRoutes; ++i) {
    const auto name = "h" + std::to_string(i);
    routes.push_back(make_route(name, name + ".test"));
    routes.back().limits = control::RouteLimits{.bandwidth = 8'000};
  }
  const auto table = build(make_table(routes), states);
  std::array<std::vector<const Route*>, 4> seen;
  std::vector<std::thread> threads;
  for (auto& each : seen) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRoutes; ++i) {
        each.push_back(table->find_by_name("h" + std::to_string(i))->get());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& each : seen) CHECK(each == seen[0]);
  CHECK(table->used_routes().size() == kRoutes);
  CHECK(seen[0][7]->state->bandwidth()->of_route == 8'000);
}

TEST_CASE("route_states: a state lives as long as its name is in the table or in use", "[relay]") {
  RouteStates states;
  auto table = build(make_table({make_route("a", "a.test"), make_route("b", "b.test")}), states);
  std::shared_ptr<const Route> connection = *table->find_by_name("a");
  REQUIRE(table->find_by_name("b"));
  connection->state->active += 1;
  const auto push = [&](std::vector<control::Route> routes) {
    table = build(make_table(std::move(routes)), states, table.get());
  };
  push({});
  CHECK(states.all().size() == 2);  // the table before was still there
  push({});
  CHECK(states.all().size() == 1);  // "a" drains, "b" is forgotten
  push({make_route("a", "a.test", 8443)});
  CHECK((*table->find_by_name("a"))->state == connection->state);  // it came back: counts on
  connection.reset();
  push({make_route("a", "a.test", 8444)});
  push({make_route("a", "a.test", 8445)});
  CHECK((*table->find_by_name("a"))->state->active == 1);  // in the table, if not in use
  push({});
  push({});
  CHECK(states.all().size() == 0);
}

TEST_CASE("route_states: the limits of the youngest table hold", "[relay]") {
  RouteStates states;
  const auto state = states.get("a");
  const std::uint64_t older = states.next_table();
  const std::uint64_t younger = states.next_table();
  states.set_bandwidth(*state, {.bandwidth = 9'000}, younger);
  states.set_bandwidth(*state, {.bandwidth = 8'000}, older);
  CHECK(state->bandwidth()->of_route == 9'000);
  states.set_bandwidth(*state, {}, younger);
  CHECK(state->bandwidth()->of_route == 0);
}

}  // namespace
}  // namespace adit::relay
