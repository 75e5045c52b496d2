#include "controller/config/validate.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;

namespace {

Resources with_sites(std::initializer_list<const char*> names) {
  Resources out;
  for (const char* name : names) out.sites[name];
  return out;
}

Checked<Resources> validated(Resources wanted, const Resources& before = {}) {
  return complete_and_validate(std::move(wanted), before, test::facts(), {});
}

}  // namespace

TEST_CASE("validate: addresses are given from .0.10 on, IPv6 with the same offset", "[config]") {
  const auto state = validated(with_sites({"a", "b", "c"}));
  REQUIRE(state);
  CHECK(state->sites.at("a").address == test::address("10.98.0.10"));
  CHECK(state->sites.at("b").address == test::address("10.98.0.11"));
  CHECK(state->sites.at("c").address6 == test::address("fd00:db8:ad17::c"));
}

TEST_CASE("validate: a site keeps its address when others come and go", "[config]") {
  const auto first = validated(with_sites({"b", "d"}));
  REQUIRE(first);
  const auto second = validated(with_sites({"a", "c", "d"}), *first);
  REQUIRE(second);
  CHECK(second->sites.at("d").address == first->sites.at("d").address);
  CHECK(second->sites.at("a").address == test::address("10.98.0.10"));
  CHECK(second->sites.at("c").address == test::address("10.98.0.12"));
}

TEST_CASE("validate: the last address is given, and then there is none", "[config]") {
  Resources wanted;
  for (int i = 0; i < 2038; ++i) wanted.sites["s" + std::to_string(i)];
  const auto full = validated(wanted);
  REQUIRE(full);
  wanted.sites["s2038"];
  const auto over = validated(wanted, *full);
  REQUIRE_FALSE(over);
  CHECK(test::lines(over.error()) ==
        "sites.s2038: no address from 10.98.0.10 to 10.98.7.255 is free; remove a site\n");
}

TEST_CASE("validate: a clash is blamed on the newcomer", "[config]") {
  Resources before = with_sites({"old"});
  before.sites.at("old").networks = {test::prefix("10.30.0.0/24")};
  before.sites.at("old").public_key = test::key(1);
  const auto head = validated(before);
  REQUIRE(head);
  Resources wanted = *head;
  Site& newcomer = wanted.sites["a-new-one"];
  newcomer.networks = {test::prefix("10.0.0.0/10"), test::prefix("10.30.0.128/25")};
  newcomer.public_key = test::key(1);
  newcomer.address = head->sites.at("old").address;
  const auto result = validated(wanted, *head);
  REQUIRE_FALSE(result);
  CHECK(test::lines(result.error()) ==
        "sites.a-new-one.address: 10.98.0.10 is already the address of site old; use another one "
        "or leave the key out\n"
        "sites.a-new-one.networks: 10.0.0.0/10 overlaps 10.30.0.0/24 of site old; a network may "
        "belong to one site only\n"
        "sites.a-new-one.networks: 10.30.0.128/25 overlaps 10.30.0.0/24 of site old; a network may "
        "belong to one site only\n"
        "sites.a-new-one.public_key: is the public key of site old too; every home needs a key of "
        "its own\n");
}

TEST_CASE("validate: the IPv6 address follows a new ULA", "[config]") {
  const auto head = validated(with_sites({"a"}));
  REQUIRE(head);
  NodeFacts moved = test::facts();
  moved.pool.v6 = test::prefix("fd00:1:2::/64");
  const auto again = complete_and_validate(*head, *head, moved, {});
  REQUIRE(again);
  CHECK(again->sites.at("a").address6 == test::address("fd00:1:2::a"));
}

TEST_CASE("validate: an address from before the pool was moved stays; another one is refused",
          "[config]") {
  const auto head = validated(with_sites({"a"}));
  REQUIRE(head);
  NodeFacts moved = test::facts();
  moved.pool.v4 = test::prefix("10.98.16.0/20");
  Resources wanted = *head;
  wanted.sites.at("a") = Site{};  // as an apply that does not say the address
  wanted.sites["b"];
  const auto kept = complete_and_validate(wanted, *head, moved, {});
  REQUIRE(kept);
  CHECK(kept->sites.at("a") == head->sites.at("a"));
  CHECK(kept->sites.at("b").address == test::address("10.98.16.10"));
  CHECK_FALSE(clash_of_address(*kept->sites.at("a").address, moved).empty());
  wanted.sites.at("b").address = test::address("10.98.0.11");
  const auto refused = complete_and_validate(wanted, *head, moved, {});
  REQUIRE_FALSE(refused);
  CHECK(test::lines(refused.error()) ==
        "sites.b.address: 10.98.0.11 is not one of this node's site addresses, 10.98.16.10 to "
        "10.98.23.255; use one of them or leave the key out\n");
}

TEST_CASE("validate: a link that came later blames no site that was there", "[config]") {
  Resources before = with_sites({"old"});
  before.sites.at("old").networks = {test::prefix("172.16.0.0/12")};
  const auto head = validated(before);
  REQUIRE(head);
  NodeFacts docker = test::facts();
  docker.own_networks.push_back(test::prefix("172.17.0.0/16"));
  Resources wanted = *head;
  wanted.sites["other"];
  CHECK(complete_and_validate(wanted, *head, docker, {}));
  CHECK(clash_of_network(test::prefix("172.16.0.0/12"), docker) ==
        "172.16.0.0/12 overlaps 172.17.0.0/16, a network of this VPS");

  // What comes now is judged, at the site that was there too, and against the one that stays.
  wanted.sites.at("old").networks.push_back(test::prefix("192.0.2.128/25"));
  wanted.sites.at("other").networks = {test::prefix("172.18.0.0/16")};
  const auto refused = complete_and_validate(wanted, *head, docker, {});
  REQUIRE_FALSE(refused);
  CHECK(test::lines(refused.error()) ==
        "sites.old.networks: 192.0.2.128/25 overlaps 192.0.2.0/24, a network of this VPS; a site's "
        "networks are those behind its home gateway\n"
        "sites.other.networks: 172.18.0.0/16 overlaps 172.16.0.0/12 of site old; a network may "
        "belong to one site only\n");
}

TEST_CASE("validate: a wrong IPv6 address is refused, wherever it was written", "[config]") {
  Resources wanted = with_sites({"a"});
  wanted.sites.at("a").address6 = test::address("fd00:db8:ad17::77");
  const auto refused = validated(wanted);
  REQUIRE_FALSE(refused);
  CHECK(test::lines(refused.error()) ==
        "sites.a.address6: the IPv6 address that goes with 10.98.0.10 is fd00:db8:ad17::a; leave "
        "the key out\n");
  wanted.sites.at("a").address6 = test::address("fd00:db8:ad17::a");
  CHECK(validated(wanted));
}

TEST_CASE("validate: a tunnel elsewhere leaves the default pool to homes", "[config]") {
  Resources wanted = with_sites({"a"});
  wanted.sites.at("a").networks = {test::prefix("10.98.32.0/24")};
  CHECK_FALSE(validated(wanted));
  NodeFacts elsewhere = test::facts();
  elsewhere.pool.v4 = test::prefix("172.20.0.0/20");
  CHECK(complete_and_validate(wanted, {}, elsewhere, {}));
}

TEST_CASE("validate: plain HTTP goes where TLS goes unless written", "[config]") {
  Resources state = with_sites({"home"});
  Host host;
  host.site = "home";
  CHECK_FALSE(target_of(state, host));
  CHECK_FALSE(http_target_of(state, host));
  state.sites.at("home").target = test::endpoint("10.30.0.1:8443");
  CHECK(target_of(state, host) == test::endpoint("10.30.0.1:8443"));
  CHECK(http_target_of(state, host) == test::endpoint("10.30.0.1:80"));
  state.sites.at("home").http_target = test::endpoint("10.30.0.1:8080");
  CHECK(http_target_of(state, host) == test::endpoint("10.30.0.1:8080"));
  host.target = test::endpoint("10.30.0.2:443");
  CHECK(http_target_of(state, host) == test::endpoint("10.30.0.2:80"));
  host.http_target = test::endpoint("10.30.0.3:81");
  CHECK(http_target_of(state, host) == test::endpoint("10.30.0.3:81"));
  CHECK(public_port_of(state, host) == 443);
  state.relay.emplace().https_port = 8443;
  CHECK(public_port_of(state, host) == 8443);
  host.port = 9443;
  CHECK(public_port_of(state, host) == 9443);
}

TEST_CASE("validate: what the relay is told of a host's targets", "[config]") {
  Resources state = with_sites({"home"});
  Host host;
  host.site = "home";
  CHECK(targets_of(state, host).empty());
  state.sites.at("home").target = test::endpoint("10.30.0.1:443");
  state.sites.at("home").http_target = test::endpoint("10.30.0.1:8080");
  using Targets = std::vector<adit::control::Target>;
  CHECK(targets_of(state, host) == Targets{{test::endpoint("10.30.0.1:443"), 1}});
  host.targets = {{test::endpoint("10.30.0.2:443"), 0}, {test::endpoint("10.30.0.3:443"), 0}};
  CHECK(targets_of(state, host) == host.targets);  // in order
  CHECK(target_of(state, host) == test::endpoint("10.30.0.2:443"));
  CHECK(http_target_of(state, host) == test::endpoint("10.30.0.2:80"));
  host.targets[1].weight = 10;
  CHECK(targets_of(state, host) ==
        Targets{{test::endpoint("10.30.0.2:443"), 1}, {test::endpoint("10.30.0.3:443"), 10}});
}
