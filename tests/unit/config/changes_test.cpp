#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;

namespace {

std::string text_of(const std::vector<Change>& list) {
  std::string out;
  for (const Change& change : list) {
    out += std::string(1, change.sign) + " " + change.kind + " " + change.name + ": " +
           change.what + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("changes: nothing differs, nothing is said", "[config]") {
  const auto state =
      apply_files({{"a.yaml", "sites: {home: {}}\nrelay: {}\n"}}, {}, {}, test::facts());
  REQUIRE(state);
  CHECK(changes(*state, *state).empty());
}

TEST_CASE("changes: one line for each resource", "[config]") {
  const auto before = test::apply_text(
      "sites:\n"
      "  home: {networks: [10.30.0.0/24], target: 10.30.0.200:443}\n"
      "  cabin: {}\n"
      "hosts:\n"
      "  a.example.com: {site: home}\n"
      "  b.example.com: {site: direct, target: 10.0.0.1:443, port: 8443}\n");
  const auto after = test::apply_text(
      "sites:\n"
      "  home: {networks: [10.30.0.0/24, 10.31.0.0/24], target: 10.30.0.200:443}\n"
      "  office: {public_key: " +
      test::key(1).base64() +
      "}\n"
      "hosts:\n"
      "  a.example.com: {site: home, target: 10.30.0.201:443, drain: 30s}\n"
      "  c.example.com: {site: home}\n"
      "relay: {timeouts: {idle: 2h}}\n");
  REQUIRE(before);
  REQUIRE(after);
  CHECK(text_of(changes(*before, *after)) ==
        "- site cabin: pending-key; address 10.98.0.10\n"
        "~ site home: address 10.98.0.11 -> 10.98.0.10; address6 fd00:db8:ad17::b -> "
        "fd00:db8:ad17::a; networks [10.30.0.0/24] -> [10.30.0.0/24, 10.31.0.0/24]\n"
        "+ site office: public key " +
            test::key(1).brief() +
            "; address 10.98.0.11\n"
            "~ host a.example.com: drain 5s -> 30s; target added: 10.30.0.201:443\n"
            "- host b.example.com: site direct; target 10.0.0.1:443; port 8443\n"
            "+ host c.example.com: site home; target 10.30.0.200:443\n"
            "+ relay : timeouts.idle 1h -> 2h\n");
}

TEST_CASE("changes: what targets are told of clients, and targets by protocol", "[config]") {
  const std::string site =
      "sites:\n  home: {networks: [10.30.0.0/24], target: 10.30.0.200:443, proxy_protocol: v2}\n";
  const auto before = test::apply_text(site + "hosts:\n  a.example.com: {site: home}\n");
  const auto after = test::apply_text(
      site +
      "hosts:\n"
      "  a.example.com: {site: home, proxy_protocol: v1, alpn: {acme-tls/1: 10.30.0.9:443}}\n"
      "  b.example.com: {site: home, http_proxy_protocol: v1, alpn: {h2: 10.30.0.8:443}}\n"
      "relay: {accept_proxy: [192.0.2.0/24]}\n");
  REQUIRE(before);
  REQUIRE(after);
  CHECK(text_of(changes(*before, *after)) ==
        "~ host a.example.com: alpn added: [{acme-tls/1: 10.30.0.9:443}]; proxy_protocol "
        "added: v1\n"
        "+ host b.example.com: site home; target 10.30.0.200:443; proxy_protocol v2; "
        "http_proxy_protocol v1; alpn h2 -> 10.30.0.8:443\n"
        "+ relay : accept_proxy added: [192.0.2.0/24]\n");
}

TEST_CASE("changes: who may use a host, and how much", "[config]") {
  const std::string host = "hosts: {a.example.com: {site: direct, target: \"10.0.0.1:443\"";
  const auto open = test::apply_text(host + "}}\n");
  const auto closed = test::apply_text(host +
                                       ", access: {allow: [192.0.2.0/24], deny: [192.0.2.7]}, "
                                       "limits: {connections: 5, bandwidth: 50Mbit}}}\n"
                                       "relay: {access: {deny: [203.0.113.0/24]}}\n");
  REQUIRE(open);
  REQUIRE(closed);
  CHECK(text_of(changes(*open, *closed)) ==
        "~ host a.example.com: access.allow added: [192.0.2.0/24]; access.deny added: "
        "[192.0.2.7/32]; limits.bandwidth added: 50Mbit; limits.connections added: 5\n"
        "+ relay : access.deny added: [203.0.113.0/24]\n");
  CHECK(text_of(changes({}, *closed)) ==
        "+ host a.example.com: site direct; target 10.0.0.1:443; access allow [192.0.2.0/24]; "
        "access deny [192.0.2.7/32]; limits bandwidth 50Mbit, connections 5\n"
        "+ relay : access.deny added: [203.0.113.0/24]\n");
}

TEST_CASE("changes: the relay's settings that are all defaults", "[config]") {
  Resources with_relay;
  with_relay.relay = Relay{};
  CHECK(text_of(changes({}, with_relay)) == "+ relay : every default\n");
  CHECK(text_of(changes(with_relay, {})) == "- relay : every default\n");
}
