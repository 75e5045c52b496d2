#include "relay/route_table.hpp"

#include <string>

#include "common/control/codec.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::relay {
namespace {

using test::make_route;
using test::make_table;

std::shared_ptr<const RouteTable> build(const control::Table& table, RouteStates& states,
                                        const RouteTable* previous = nullptr) {
  auto built = RouteTable::build(table, previous, states);
  REQUIRE(built);
  return *built;
}

/// The name of the route found, "" for none; `name` null: a client without a server name.
std::string found(const RouteTable& table, std::uint16_t port, const char* name) {
  const std::shared_ptr<const Route>* route = nullptr;
  if (name == nullptr) {
    route = table.find({port}, nullptr);
  } else {
    const HostName host = HostName::parse(name).value();
    route = table.find({port}, &host);
  }
  return route == nullptr ? "" : (*route)->spec.name;
}

TEST_CASE("route_table: exact, then wildcard of one label, then catch-all", "[relay]") {
  RouteStates states;
  const auto routes = build(
      make_table({make_route("exact", "app.example.com"), make_route("wildcard", "*.example.com"),
                  make_route("inner", "*.lab.example.com"), make_route("all", "*"),
                  make_route("single", "localhost")}),
      states);
  const auto [name, want] = GENERATE(table<const char*, const char*>({
      {"app.example.com", "exact"},
      {"APP.example.com.", "exact"},
      {"other.example.com", "wildcard"},
      {"lab.example.com", "wildcard"},
      {"x.lab.example.com", "inner"},
      {"x.y.example.com", "all"},  // one label only
      {"example.com", "all"},      // the wildcard's own parent is not under it
      {"x.app.example.com", "all"},
      {"localhost", "single"},
      {"com", "all"},
      {nullptr, "all"},
  }));
  CAPTURE(want);
  CHECK(found(*routes, 443, name) == want);
}

TEST_CASE("route_table: no name matches only a catch-all", "[relay]") {
  RouteStates states;
  const auto table = build(
      make_table({make_route("exact", "app.example.com"), make_route("wildcard", "*.example.com")}),
      states);
  CHECK(found(*table, 443, nullptr).empty());
  CHECK(found(*table, 443, "unknown.test").empty());
  CHECK(found(*table, 443, "app.example.com") == "exact");
}

TEST_CASE("route_table: each port has its own names and its own catch-all", "[relay]") {
  RouteStates states;
  const auto table =
      build(make_table({make_route("a443", "app.example.com"),
                        make_route("a8443", "app.example.com", 8443),
                        make_route("all8443", "*", 8443), make_route("b0", "b.example.com", 0)}),
            states);
  CHECK(found(*table, 443, "app.example.com") == "a443");
  CHECK(found(*table, 8443, "app.example.com") == "a8443");
  CHECK(found(*table, 8443, "b.example.com") == "all8443");
  CHECK(found(*table, 443, "b.example.com").empty());
  CHECK(found(*table, 0, "b.example.com") == "b0");
  CHECK(found(*table, 443, nullptr).empty());
  CHECK(found(*table, 80, "app.example.com").empty());
  const auto ports = table->ports();
  CHECK(std::vector(ports.begin(), ports.end()) ==
        std::vector<control::PublicPort>{{0}, {443}, {8443}});
}

control::Route with_http(const char* name, const char* pattern, std::uint16_t port,
                         std::uint16_t http_port) {
  control::Route route = make_route(name, pattern, port);
  route.http = {http_port, control::HttpAction::Redirect, *Endpoint::parse("10.30.0.200:80")};
  return route;
}

TEST_CASE("route_table: plain HTTP has ports of its own", "[relay]") {
  RouteStates states;
  const auto table = build(make_table({with_http("both", "app.example.com", 443, 80),
                                       make_route("tls", "tls.example.com"),
                                       with_http("chosen", "app.example.com", 0, 0),
                                       with_http("lab", "*.lab.example.com", 443, 80)}),
                           states);
  const auto route_of = [&](std::uint16_t port, control::Protocol protocol, const char* host) {
    const HostName name = *HostName::parse(host);
    const auto* route = table->find({port, protocol}, &name);
    return route == nullptr ? std::string() : (*route)->spec.name;
  };
  using control::Protocol;
  CHECK(route_of(443, Protocol::Tls, "app.example.com") == "both");
  CHECK(route_of(80, Protocol::Http, "app.example.com") == "both");
  CHECK(route_of(80, Protocol::Http, "x.lab.example.com") == "lab");
  CHECK(route_of(80, Protocol::Http, "tls.example.com").empty());
  CHECK(route_of(80, Protocol::Tls, "app.example.com").empty());
  CHECK(route_of(443, Protocol::Http, "app.example.com").empty());
  CHECK(route_of(0, Protocol::Http, "app.example.com") == "chosen");  // the kernel chooses two
  CHECK(route_of(0, Protocol::Tls, "app.example.com") == "chosen");
  CHECK(table->ports().size() == 4);
}

TEST_CASE("route_table: problems of plain HTTP", "[relay]") {
  CHECK(find_problems(make_table(
            {make_route("a", "a.example.com", 443), with_http("b", "b.example.com", 8443, 443)})) ==
        std::vector<std::string>{"port 443: routes for TLS and for plain HTTP"});
  CHECK(find_problems(make_table({with_http("a", "a.example.com", 443, 80),
                                  with_http("b", "a.example.com", 8443, 80)})) ==
        std::vector<std::string>{
            "route 2 (a.example.com): an earlier route serves the same on port 80"});
  control::Route nowhere = with_http("a", "a.example.com", 443, 80);
  nowhere.http->target.port = 0;
  CHECK(find_problems(make_table({nowhere})).size() == 1);
}

TEST_CASE("route_table: an empty table has no route and no port", "[relay]") {
  RouteStates states;
  const auto table = build(control::Table{}, states);  // not even an address to listen on
  CHECK(found(*table, 443, "app.example.com").empty());
  CHECK(found(*table, 443, nullptr).empty());
  CHECK(table->find_by_name("x") == nullptr);
  CHECK(table->ports().empty());
  CHECK(table->size() == 0);
}

TEST_CASE("route_table: keeps settings, revision, digest and order", "[relay]") {
  RouteStates states;
  control::Table values = make_table({make_route("z", "z.test"), make_route("a", "a.test")}, 7);
  values.settings.privacy = Privacy::Hash;
  const auto table = build(values, states);
  CHECK(table->settings() == values.settings);
  CHECK(table->revision() == 7);
  CHECK(table->digest() == control::digest(values));
  CHECK((*RouteTable::build(values, nullptr, states, 5))->digest() == 5);  // as it came
  REQUIRE(table->size() == 2);
  CHECK(table->name_of(0) == "z");
  CHECK((*table->find_by_name("z"))->spec == values.routes[0]);
  CHECK((*table->find_by_name("a"))->spec == values.routes[1]);
  CHECK(table->find_by_name("b") == nullptr);
  CHECK(table->find_by_name("") == nullptr);
}

TEST_CASE("route_table: routes that did not change are shared with the previous table", "[relay]") {
  RouteStates states;
  const auto first =
      build(make_table({make_route("same", "same.test"), make_route("changed", "changed.test"),
                        make_route("removed", "removed.test")}),
            states);
  for (const char* name : {"same", "changed", "removed"}) REQUIRE(first->find_by_name(name));
  const auto second =
      build(make_table({make_route("changed", "changed.test", 443, "10.30.0.201:443"),
                        make_route("added", "added.test"), make_route("same", "same.test")},
                       2),
            states, first.get());
  CHECK(*second->find_by_name("same") == *first->find_by_name("same"));
  CHECK(*second->find_by_name("changed") != *first->find_by_name("changed"));
  CHECK((*second->find_by_name("changed"))->state == (*first->find_by_name("changed"))->state);
  CHECK(second->find_by_name("removed") == nullptr);
  CHECK(found(*first, 443, "removed.test") == "removed");  // the old snapshot is untouched
}

TEST_CASE("route_table: a bad table is refused with all its problems and changes nothing",
          "[relay]") {
  RouteStates states;
  control::Table bad =
      make_table({make_route("a", "a.test"), make_route("a", "b.test"), make_route("c", "a.test"),
                  make_route("", "d.test"), make_route("e", "e.test"), make_route("f", "f.test")});
  bad.routes[4].targets.clear();
  bad.routes[5].targets[0].endpoint.port = 0;
  bad.settings.addresses.push_back(bad.settings.addresses[0]);
  bad.settings.limits.connections = 0;
  bad.settings.timeouts.idle = Milliseconds(0);
  CHECK(find_problems(bad) ==
        std::vector<std::string>{"settings: address :: stands twice",
                                 "settings: timeouts.idle must be more than 0",
                                 "settings: limits.connections must be more than 0",
                                 "route 2 (b.test): an earlier route has the same name",
                                 "route 3 (a.test): an earlier route serves the same on port 443",
                                 "route 4 (d.test): no name", "route 5 (e.test): no target",
                                 "route 6 (f.test): 10.30.0.200:0 is no address and port to dial"});
  const auto refused = RouteTable::build(bad, nullptr, states);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::Invalid);
  CHECK(refused.error().what.find("route 5 (e.test): no target; route 6") != std::string::npos);
  CHECK(states.all().size() == 0);
}

TEST_CASE("route_table: no listen address, a negative drain", "[relay]") {
  control::Table bad = make_table({make_route("a", "a.test")});
  bad.settings.addresses.clear();
  bad.routes[0].drain = Milliseconds(-1);
  CHECK(find_problems(bad) == std::vector<std::string>{"settings: no address to listen on",
                                                       "route 1 (a.test): drain is negative"});
  CHECK(find_problems(make_table({make_route("a", "a.test")})).empty());
}

TEST_CASE("route_table: too many targets, addresses nobody can dial from", "[relay]") {
  control::Table table = make_table({make_route("a", "a.test")});
  table.routes[0].targets.resize(control::kMaxTargets, table.routes[0].targets[0]);
  table.routes[0].targets[1].weight = 0;  // takes over
  table.settings.source_addresses.assign(control::kMaxSourceAddresses,
                                         *IpAddress::parse("10.98.0.2"));
  CHECK(find_problems(table).empty());
  table.routes[0].targets.push_back(table.routes[0].targets[0]);
  table.settings.source_addresses.push_back(*IpAddress::parse("::"));
  CHECK(find_problems(table) ==
        std::vector<std::string>{
            "settings: 65 source addresses, more than 64",
            "settings: source address ::", "route 1 (a.test): 33 targets, more than 32"});
}

control::Route with_targets(const char* name, const char* pattern,
                            std::initializer_list<const char*> targets,
                            control::HealthCheck check = control::HealthCheck::None) {
  control::Route route = make_route(name, pattern);
  route.check = check;
  route.targets.clear();
  for (const char* target : targets) route.targets.push_back({*Endpoint::parse(target), 0});
  return route;
}

TEST_CASE("route_table: health is one endpoint's, whichever routes and tables name it", "[relay]") {
  using control::HealthCheck;
  const char* const one = "10.30.0.1:443";
  const char* const two = "10.30.0.2:443";
  RouteStates states;
  const auto first = build(
      make_table({with_targets("single", "s.test", {one}), with_targets("a", "a.test", {one, two}),
                  with_targets("b", "b.test", {two, one}),
                  with_targets("c", "c.test", {one}, HealthCheck::Tls),
                  with_targets("d", "d.test", {one}, HealthCheck::Tls)}),
      states);
  const auto health = [](const RouteTable& table, const char* name) -> const HealthRecords& {
    return *(*table.find_by_name(name))->health;
  };
  CHECK((*first->find_by_name("single"))->health == nullptr);  // nothing to choose
  CHECK(health(*first, "a")[0] == health(*first, "b")[1]);
  CHECK(health(*first, "a")[1] == health(*first, "b")[0]);
  CHECK(health(*first, "a")[0] != health(*first, "a")[1]);
  CHECK(health(*first, "c")[0] == health(*first, "d")[0]);
  CHECK(health(*first, "c")[0] != health(*first, "a")[0]);  // checked, the other one is not
  const auto second = build(make_table({with_targets("a", "a.test", {two, "10.30.0.3:443"}),
                                        with_targets("e", "e.test", {one, two})},
                                       2),
                            states, first.get());
  CHECK(health(*second, "a")[0] == health(*first, "a")[1]);
  CHECK(health(*second, "e")[0] == health(*first, "a")[0]);
  CHECK(health(*second, "a")[1]->target().to_string() == "10.30.0.3:443");
}

TEST_CASE("route_table: the same pattern on two ports is no problem", "[relay]") {
  CHECK(find_problems(make_table({make_route("a", "*", 443), make_route("b", "*", 8443)})).empty());
}

TEST_CASE("route_table: problems of targets by protocol and of load balancers", "[relay]") {
  const auto problems_with = [](std::vector<control::AlpnTarget> alpn) {
    auto route = make_route("a", "a.test");
    route.alpn = std::move(alpn);
    return find_problems(make_table({route}));
  };
  const Endpoint target = Endpoint::parse("10.30.0.9:443").value();
  CHECK(problems_with({{"acme-tls/1", target}, {"h2", target}}).empty());
  CHECK(problems_with({{"h2", target}, {"h2", target}}) ==
        std::vector<std::string>{"route 1 (a.test): two targets for one protocol"});
  CHECK(problems_with({{"", target}}) ==
        std::vector<std::string>{"route 1 (a.test): a protocol has 1 to 255 bytes"});
  CHECK(problems_with({{std::string(256, 'x'), target}}).size() == 1);
  CHECK(problems_with({{"h2", {target.address, 0}}}) ==
        std::vector<std::string>{"route 1 (a.test): 10.30.0.9:0 is no address and port to dial"});
  std::vector<control::AlpnTarget> many;
  for (int i = 0; i < 17; ++i) many.push_back({std::to_string(i), target});
  CHECK(problems_with(many) ==
        std::vector<std::string>{"route 1 (a.test): more than 16 targets by protocol"});
  control::Table table = make_table({make_route("a", "a.test")});
  table.settings.accept_proxy.assign(256, IpPrefix::parse("192.0.2.0/24").value());
  CHECK(find_problems(table).empty());
  table.settings.accept_proxy.push_back(table.settings.accept_proxy.front());
  CHECK(find_problems(table) ==
        std::vector<std::string>{"settings: accept_proxy has more than 256 networks"});
}

TEST_CASE("route_table: a route that tells its target more is another route", "[relay]") {
  RouteStates states;
  auto route = make_route("a", "a.test");
  const auto first = RouteTable::build(make_table({route}), nullptr, states).value();
  REQUIRE(first->find_by_name("a"));
  const auto same = RouteTable::build(make_table({route}), first.get(), states).value();
  CHECK(*same->find_by_name("a") == *first->find_by_name("a"));
  route.proxy_protocol = control::ProxyProtocol::V2;
  const auto told = RouteTable::build(make_table({route}), first.get(), states).value();
  CHECK(*told->find_by_name("a") != *first->find_by_name("a"));
  CHECK((*told->find_by_name("a"))->state == (*first->find_by_name("a"))->state);
}

TEST_CASE("route_table: problems are at most 100 lines, and follow the privacy setting",
          "[relay]") {
  control::Table bad = make_table({});
  for (int i = 0; i < 250; ++i) {
    auto route = make_route("r" + std::to_string(i), "x" + std::to_string(i) + ".test");
    route.targets.clear();
    bad.routes.push_back(std::move(route));
  }
  auto problems = find_problems(bad);
  REQUIRE(problems.size() == 100);
  CHECK(problems.back() == "and 151 more problems");
  bad.routes.erase(bad.routes.begin() + 100, bad.routes.end());
  problems = find_problems(bad);
  REQUIRE(problems.size() == 100);
  CHECK(problems.back() == "route 100 (x99.test): no target");
  set_privacy(Privacy::None);
  problems = find_problems(bad);
  set_privacy(Privacy::Full);
  CHECK(problems.back() == "route 100 (-): no target");
}

}  // namespace
}  // namespace adit::relay
