// Lookups in random tables equal those of a reference that walks over all routes.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "relay/route_table.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

using test::make_route;
using test::make_table;
using test::Random;

/// Few labels, so that names and patterns often meet.
std::string random_name(Random& random) {
  static const std::vector<std::string> labels{"a", "b", "www", "lab", "example", "test"};
  std::string name = random.pick(labels);
  for (std::size_t more = random.below(4); more > 0; --more) name += "." + random.pick(labels);
  return name;
}

std::string random_pattern(Random& random) {
  if (random.one_in(12)) return "*";
  const std::string name = random_name(random);
  return random.one_in(3) ? "*." + name : name;
}

std::uint16_t random_port(Random& random) {
  static const std::vector<std::uint16_t> ports{0, 443, 8443};
  return random.pick(ports);
}

control::Table random_table(Random& random) {
  control::Table table = make_table({});
  std::set<std::pair<std::uint16_t, std::string>> used;
  for (std::size_t i = random.below(120); i > 0; --i) {
    const std::uint16_t port = random_port(random);
    const std::string pattern = random_pattern(random);
    if (!used.emplace(port, pattern).second) continue;
    const std::string target = "10.30.0." + std::to_string(random.number(1, 3)) + ":443";
    table.routes.push_back(make_route(std::to_string(port) + "/" + pattern, pattern, port, target));
  }
  return table;
}

/// By the words of the contract, one route after the other.
const control::Route* reference(const control::Table& table, std::uint16_t port,
                                const HostName* name) {
  const control::Route* best = nullptr;
  for (const control::Route& route : table.routes) {
    if (route.port != port) continue;
    const std::string& pattern = route.pattern.wire_text();
    if (pattern == "*") {
      if (best == nullptr) best = &route;
    } else if (name == nullptr) {
      continue;
    } else if (pattern.starts_with("*.")) {
      const std::string text = name->wire_text();
      const auto dot = text.find('.');
      if (dot != std::string::npos && pattern.substr(1) == text.substr(dot)) best = &route;
    } else if (pattern == name->wire_text()) {
      return &route;
    }
  }
  return best;
}

TEST_CASE("route_table property: lookups equal a reference", "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 30; ++i) {
    const control::Table values = random_table(random);
    RouteStates states;
    const auto table = RouteTable::build(values, nullptr, states).value();
    for (int lookup = 0; lookup < 200; ++lookup) {
      const HostName name = HostName::parse(random_name(random)).value();
      const HostName* asked = random.one_in(10) ? nullptr : &name;
      const std::uint16_t port = random_port(random);
      const auto* got = table->find({port}, asked);
      const auto* want = reference(values, port, asked);
      CAPTURE(i, lookup, port, name.wire_text(), asked == nullptr);
      REQUIRE((got == nullptr) == (want == nullptr));
      if (want != nullptr) REQUIRE((*got)->spec == *want);
    }
  }
}

TEST_CASE("route_table property: over pushes, equal routes are shared and states stay",
          "[property]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 9));
  CAPTURE(seed);
  Random random(seed);
  RouteStates states;
  std::shared_ptr<const RouteTable> table;
  std::map<std::string, std::shared_ptr<const Route>> connections;
  for (int push = 0; push < 30; ++push) {
    CAPTURE(push);
    const auto next = RouteTable::build(random_table(random), table.get(), states).value();
    // A connection holds every route there ever was, so that each name counts on in its state.
    for (std::size_t place = 0; place < next->size(); ++place) {
      const auto route = *next->find_by_name(next->name_of(place));
      const auto held = connections.try_emplace(route->spec.name, route).first->second;
      REQUIRE(held->state == route->state);
    }
    for (const auto& route : next->used_routes()) {
      const auto* old = table ? table->find_by_name(route->spec.name) : nullptr;
      if (old == nullptr) continue;
      REQUIRE(((*old)->spec == route->spec) == (*old == route));
      REQUIRE((*old)->state == route->state);
    }
    for (const auto& route : next->used_routes()) {
      const auto* found = next->find_by_name(route->spec.name);
      REQUIRE(found != nullptr);
      REQUIRE(*found == route);
    }
    table = next;
  }
}

}  // namespace
}  // namespace adit::relay
