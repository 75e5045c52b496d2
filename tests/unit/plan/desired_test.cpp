#include "controller/plan/desired.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/plan/fixtures.hpp"

using namespace adit;
using namespace adit::plan;

TEST_CASE("desired: no interface until the first site has a key", "[plan]") {
  const Desired state = test::desired(
      "sites: {home: {networks: [10.30.0.0/24], target: 10.30.0.200:443}}\n"
      "hosts: {a.example.com: {site: home}, b.example.com: {site: direct, target: "
      "10.0.0.1:443}}\n");
  CHECK_FALSE(state.interface);
  REQUIRE(state.table.routes.size() ==
          2);  // a host of a site without key has its route all the same
  CHECK(state.table.routes[0].name == "host/a.example.com");
  CHECK(state.table.routes[0].site == "home");
  CHECK(state.table.routes[1].site == "direct");
}

TEST_CASE("desired: interface, peers and kernel routes", "[plan]") {
  const Desired state = test::desired(
      "sites:\n" + test::site("home", 2, "networks: [10.30.0.0/24], keepalive: 20s") +
      test::site("cabin", 1,
                 "networks: [\"2001:db8:30::/48\", 10.31.0.0/24], address: 10.98.0.20") +
      "  waiting: {networks: [10.32.0.0/24]}\n");
  REQUIRE(state.interface);
  const DesiredInterface& interface = *state.interface;
  CHECK(interface.name == "adit0");
  CHECK(interface.mtu == 1420);
  CHECK(interface.public_key == test::key(99));
  CHECK(state.node_key == test::key(99));
  REQUIRE(interface.addresses.size() == 2);
  CHECK(interface.addresses[0].address.to_string() == "10.98.0.1");
  CHECK(interface.addresses[0].length == 20);
  CHECK(interface.addresses[1].address.to_string() == "fd00:db8:ad17::1");
  CHECK(interface.addresses[1].length == 64);
  REQUIRE(interface.peers.size() == 2);
  CHECK(interface.peers[0].site == "cabin");
  CHECK(interface.peers[0].allowed_ips ==
        std::vector{test::prefix("10.31.0.0/24"), test::prefix("10.98.0.20/32"),
                    test::prefix("2001:db8:30::/48"), test::prefix("fd00:db8:ad17::14/128")});
  CHECK(interface.peers[1].site == "home");
  CHECK(interface.peers[1].persistent_keepalive == Seconds(20));
  CHECK(interface.kernel_routes == std::vector{test::prefix("10.30.0.0/24"),
                                               test::prefix("10.31.0.0/24"),
                                               test::prefix("2001:db8:30::/48")});
}

TEST_CASE("desired: routes take the relay's port and their own", "[plan]") {
  const Desired state = test::desired(
      "hosts:\n"
      "  a.example.com: {site: direct, target: 10.0.0.1:443}\n"
      "  \"*.b.example.com\": {site: direct, target: 10.0.0.2:443, port: 9443, drain: 30s}\n"
      "  \"*\": {site: direct, target: 10.0.0.3:443}\n"
      "relay: {https_port: 0, addresses: [127.0.0.1], privacy: none, timeouts: "
      "{idle: 2h}}\n",
      7);
  CHECK(state.table.revision == 7);
  CHECK(state.table.settings.addresses == std::vector{IpAddress::parse("127.0.0.1").value()});
  CHECK(state.table.settings.privacy == Privacy::None);
  CHECK(state.table.settings.timeouts.idle == std::chrono::hours(2));
  REQUIRE(state.table.routes.size() == 3);
  CHECK(state.table.routes[0].name == "host/*");
  CHECK(state.table.routes[0].pattern.kind() == HostPattern::Kind::CatchAll);
  CHECK(state.table.routes[0].port == 0);
  CHECK(state.table.routes[1].name == "host/*.b.example.com");
  CHECK(state.table.routes[1].port == 9443);
  CHECK(state.table.routes[1].drain == Seconds(30));
  CHECK(state.table.routes[2].targets.front().endpoint.to_string() == "10.0.0.1:443");
}

TEST_CASE("desired: several targets, their check, and source addresses", "[plan]") {
  const Desired state = test::desired(
      "sites:\n" + test::site("home", 2, "networks: [10.30.0.0/24]") +
      "hosts:\n"
      "  a.example.com: {site: home, check: tls, targets: [{to: 10.30.0.1:443, weight: 10}, "
      "{to: 10.30.0.2:443}]}\n"
      "  b.example.com: {site: home, targets: [{to: 10.30.0.1:443}, {to: 10.30.0.2:443}]}\n"
      "relay: {source_addresses: [10.98.0.3, \"fd00:db8:ad17::2\", 192.0.2.7]}\n");
  REQUIRE(state.table.routes.size() == 2);
  const auto& spread = state.table.routes[0];
  CHECK(spread.check == control::HealthCheck::Tls);
  REQUIRE(spread.targets.size() == 2);
  CHECK(spread.targets[0].weight == 10);
  CHECK(spread.targets[1].weight == 1);
  const auto& ordered = state.table.routes[1];
  CHECK(ordered.check == control::HealthCheck::None);
  REQUIRE(ordered.targets.size() == 2);
  CHECK(ordered.targets[0].weight == 0);
  CHECK(ordered.targets[1].endpoint.to_string() == "10.30.0.2:443");
  CHECK(state.table.settings.source_addresses.size() == 3);
  // Those of this node's tunnel network are made; the third one is the machine's.
  REQUIRE(state.interface);
  REQUIRE(state.interface->addresses.size() == 4);
  CHECK(state.interface->addresses[1].address.to_string() == "10.98.0.3");
  CHECK(state.interface->addresses[1].length == 32);
  CHECK(state.interface->addresses[3].address.to_string() == "fd00:db8:ad17::2");
  CHECK(state.interface->addresses[3].length == 128);
}

TEST_CASE("desired: plain HTTP of a host", "[plan]") {
  constexpr const char* kHosts =
      "hosts:\n"
      "  a.example.com: {site: direct, target: 10.0.0.1:443}\n"
      "  b.example.com: {site: direct, target: 10.0.0.2:443, http: forward, "
      "http_target: 10.0.0.2:8080}\n"
      "  c.example.com: {site: direct, target: 10.0.0.3:443, http: off}\n";
  const auto routes = test::desired(kHosts).table.routes;
  REQUIRE(routes.size() == 3);
  REQUIRE(routes[0].http);
  CHECK(routes[0].http->port == 80);
  CHECK(routes[0].http->action == control::HttpAction::Redirect);
  CHECK(routes[0].http->target.to_string() == "10.0.0.1:80");
  REQUIRE(routes[1].http);
  CHECK(routes[1].http->action == control::HttpAction::Forward);
  CHECK(routes[1].http->target.to_string() == "10.0.0.2:8080");
  CHECK_FALSE(routes[2].http);
  for (const auto& route :
       test::desired(std::string(kHosts) + "relay: {http_port: off}\n").table.routes) {
    CHECK_FALSE(route.http);
  }
}

TEST_CASE("desired: access and limits go to the relay", "[plan]") {
  const auto table = test::desired(
                         "hosts:\n"
                         "  a.example.com: {site: direct, target: 10.0.0.1:443, access: {allow: "
                         "[192.0.2.0/24]}, limits: {bandwidth: 50Mbit}}\n"
                         "  b.example.com: {site: direct, target: 10.0.0.2:443}\n"
                         "relay: {access: {deny: [203.0.113.0/24]}}\n")
                         .table;
  REQUIRE(table.routes.size() == 2);
  CHECK(table.routes[0].access->allow == std::vector{test::prefix("192.0.2.0/24")});
  CHECK(table.routes[0].limits->bandwidth == 50'000'000);
  CHECK_FALSE(table.routes[1].access.is_set());
  CHECK_FALSE(table.routes[1].limits.is_set());
  CHECK(table.settings.access->deny == std::vector{test::prefix("203.0.113.0/24")});
}

TEST_CASE("desired: without relay settings the relay listens everywhere", "[plan]") {
  const Desired state = test::desired("");
  CHECK(state.table.routes.empty());
  CHECK(state.table.settings.addresses == std::vector{IpAddress::parse("::").value()});
}

TEST_CASE("desired: PROXY protocol of the site unless the host has its own", "[plan]") {
  using control::ProxyProtocol;
  const Desired state = test::desired(
      "sites:\n"
      "  home: {networks: [10.30.0.0/24], target: 10.30.0.200:443, proxy_protocol: v2, "
      "http_proxy_protocol: v1}\n"
      "hosts:\n"
      "  a.example.com: {site: home}\n"
      "  b.example.com: {site: home, proxy_protocol: none, http_proxy_protocol: v2}\n"
      "  c.example.com: {site: direct, target: 10.0.0.1:443}\n");
  REQUIRE(state.table.routes.size() == 3);
  CHECK(state.table.routes[0].proxy_protocol == ProxyProtocol::V2);
  CHECK(state.table.routes[0].http->proxy_protocol == ProxyProtocol::V1);
  CHECK(state.table.routes[1].proxy_protocol == ProxyProtocol::None);
  CHECK(state.table.routes[1].http->proxy_protocol == ProxyProtocol::V2);
  CHECK(state.table.routes[2].proxy_protocol == ProxyProtocol::None);
  CHECK(state.table.routes[2].http->proxy_protocol == ProxyProtocol::None);
  CHECK(state.table.settings.accept_proxy.empty());
}

TEST_CASE("desired: targets by protocol in the order of the text, and load balancers", "[plan]") {
  const Desired state = test::desired(
      "hosts:\n"
      "  a.example.com: {site: direct, target: 10.0.0.1:443, alpn: {h2: 10.0.0.2:443, acme-tls/1: "
      "10.0.0.3:443}}\n"
      "relay: {accept_proxy: [192.0.2.0/24]}\n");
  const std::vector<control::AlpnTarget> wanted{
      {"h2", Endpoint::parse("10.0.0.2:443").value()},
      {"acme-tls/1", Endpoint::parse("10.0.0.3:443").value()}};
  CHECK(state.table.routes.at(0).alpn == wanted);
  CHECK(state.table.settings.accept_proxy == std::vector{test::prefix("192.0.2.0/24")});
}
