#include "tests/support/catch.hpp"
#include "tests/unit/plan/fixtures.hpp"

using namespace adit;
using namespace adit::plan;

namespace {

std::string one_home(const std::string& rest = "networks: [10.30.0.0/24]") {
  return "sites:\n" + test::site("home", 1, rest) +
         "hosts: {a.example.com: {site: home, target: 10.30.0.200:443}}\n";
}

/// The plan from `before`, applied to the letter, to `after`.
std::string between(const std::string& before, const std::string& after) {
  return test::text(diff(test::desired(after, 2), test::applied(test::desired(before, 1))));
}

std::string brief(std::uint8_t byte) {
  return test::key(byte).brief();
}

}  // namespace

TEST_CASE("diff: the first site, tunnel before route table", "[plan]") {
  CHECK(test::text(diff(test::desired(one_home()), {})) ==
        "+ interface adit0\n"
        "~ interface adit0: private key of this node; listen port 51820\n"
        "+ address 10.98.0.1/20 on adit0\n"
        "+ address fd00:db8:ad17::1/64 on adit0\n"
        "~ interface adit0: up, mtu 1420\n"
        "+ peer " +
            brief(1) +
            " (site home): allowed ips 10.30.0.0/24, 10.98.0.10/32, "
            "fd00:db8:ad17::a/128; keepalive 25s\n"
            "+ kernel route 10.30.0.0/24 by adit0\n"
            "~ route table of revision 1\n");
}

TEST_CASE("diff: the same state is an empty plan", "[plan]") {
  CHECK(between(one_home(), one_home()).empty());
  CHECK(between("", "").empty());
}

TEST_CASE("diff: before the first change a relay without a table is as it should be", "[plan]") {
  Observed fresh;
  fresh.relay = ObservedRelay{};
  CHECK(diff(test::desired("", 0), fresh).is_empty());
  CHECK(test::text(diff(test::desired("", 1), fresh)) == "~ route table of revision 1\n");
  fresh.relay->revision = 3;  // serves the table of a controller that was here before
  fresh.relay->table_digest = 7;
  CHECK(test::text(diff(test::desired("", 0), fresh)) == "~ route table of revision 0\n");
}

TEST_CASE("diff: an unreachable relay and an unreadable tunnel are still planned", "[plan]") {
  Observed observed;
  observed.interface_problem = "reading adit0 needs CAP_NET_ADMIN";
  observed.relay_problem = "the relay does not answer";
  const Plan plan = diff(test::desired(one_home()), observed);
  REQUIRE(plan.steps.size() == 8);
  CHECK(std::holds_alternative<CreateInterface>(plan.steps.front().action));
  CHECK(std::holds_alternative<SetRouteTable>(plan.steps.back().action));
  CHECK(test::text(diff(test::desired(""), observed)) == "~ route table of revision 1\n");
}

TEST_CASE("diff: removals go after the route table, kernel routes before peers", "[plan]") {
  const std::string two = "sites:\n" + test::site("home", 1, "networks: [10.30.0.0/24]") +
                          test::site("cabin", 2, "networks: [10.31.0.0/24]") +
                          "hosts: {b.example.com: {site: cabin, target: 10.31.0.1:443}}\n";
  const std::string one =
      "sites:\n" + test::site("home", 1, "networks: [10.30.0.0/24], address: 10.98.0.11");
  CHECK(between(two, one) ==
        "~ route table of revision 2\n"
        "- kernel route 10.31.0.0/24 by adit0\n"
        "- peer " +
            brief(2) + "\n");
}

TEST_CASE("diff: the last key's end takes the interface away, if it is ours", "[plan]") {
  CHECK(between(one_home(), "") ==
        "~ route table of revision 2\n"
        "- interface adit0\n");
  Observed foreign = test::applied(test::desired(one_home(), 1));
  foreign.interface->device.public_key = test::key(50);
  CHECK(test::text(diff(test::desired("", 2), foreign)) == "~ route table of revision 2\n");
  foreign.interface->device.public_key = std::nullopt;  // nobody knows whose it is
  CHECK(test::text(diff(test::desired("", 2), foreign)) == "~ route table of revision 2\n");
}

TEST_CASE("diff: an interface of somebody else is planned as if it were not there", "[plan]") {
  const Desired state = test::desired(one_home());
  Observed nothing;
  nothing.relay = test::applied(state).relay;
  const std::string whole = test::text(diff(state, nothing));
  CHECK(whole.starts_with("+ interface adit0\n"));
  Observed foreign = test::applied(state);
  foreign.interface->device.public_key = test::key(50);
  CHECK(test::text(diff(state, foreign)) == whole);
  foreign.interface->device.public_key = std::nullopt;  // and it has a peer
  CHECK(test::text(diff(state, foreign)) == whole);
  foreign.interface->device.peers.clear();  // blank: as wireguard-go leaves it after its start
  CHECK(test::text(diff(state, foreign)).starts_with("~ interface adit0: private key"));
}

TEST_CASE("diff: without IPv6 there is nothing of it on the interface", "[plan]") {
  const Desired state = test::desired(one_home());
  Observed observed = test::applied(state);
  observed.has_ipv6 = false;
  std::erase_if(observed.interface->link.addresses,
                [](const auto& entry) { return !entry.address.is_v4(); });
  CHECK(observed.interface->link.addresses.size() == 1);
  CHECK(diff(state, observed).is_empty());
}

TEST_CASE("diff: networks grow before the route table and shrink after it", "[plan]") {
  const std::string before = one_home("networks: [10.30.0.0/24, 10.31.0.0/24]");
  const std::string after = "sites:\n" +
                            test::site("home", 1, "networks: [10.30.0.0/24, 10.32.0.0/24]") +
                            "hosts: {b.example.com: {site: home, target: 10.32.0.1:443}}\n";
  CHECK(between(before, after) == "~ peer " + brief(1) +
                                      " (site home): allowed ips 10.30.0.0/24, 10.31.0.0/24, "
                                      "10.32.0.0/24, 10.98.0.10/32, fd00:db8:ad17::a/128\n"
                                      "+ kernel route 10.32.0.0/24 by adit0\n"
                                      "~ route table of revision 2\n"
                                      "- kernel route 10.31.0.0/24 by adit0\n"
                                      "~ peer " +
                                      brief(1) +
                                      " (site home): allowed ips 10.30.0.0/24, 10.32.0.0/24, "
                                      "10.98.0.10/32, fd00:db8:ad17::a/128\n");
}

TEST_CASE("diff: a network that moves leaves the old peer first", "[plan]") {
  const std::string before = "sites:\n" + test::site("a", 1, "networks: [10.30.0.0/24]") +
                             test::site("b", 2, "networks: [10.31.0.0/24]");
  const std::string after = "sites:\n" + test::site("a", 1, "networks: []") +
                            test::site("b", 2, "networks: [10.30.0.0/24, 10.31.0.0/24]");
  CHECK(between(before, after) == "~ peer " + brief(1) +
                                      " (site a): allowed ips 10.98.0.10/32, fd00:db8:ad17::a/128\n"
                                      "~ peer " +
                                      brief(2) +
                                      " (site b): allowed ips 10.30.0.0/24, 10.31.0.0/24, "
                                      "10.98.0.11/32, fd00:db8:ad17::b/128\n");
}

TEST_CASE("diff: a home's new key takes over from the old one, which goes last", "[plan]") {
  const std::string before = "sites:\n" + test::site("a", 1, "networks: [10.30.0.0/24]");
  const std::string after = "sites:\n" + test::site("a", 2, "networks: [10.30.0.0/24]");
  CHECK(between(before, after) == "~ peer " + brief(1) +
                                      ": no allowed ips\n"
                                      "+ peer " +
                                      brief(2) +
                                      " (site a): allowed ips 10.30.0.0/24, 10.98.0.10/32, "
                                      "fd00:db8:ad17::a/128; keepalive 25s\n"
                                      "- peer " +
                                      brief(1) + "\n");
}

TEST_CASE("diff: drift is put right without touching the rest", "[plan]") {
  const Desired state = test::desired(one_home());
  Observed drifted = test::applied(state);
  SECTION("a changed keepalive") {
    drifted.interface->device.peers[0].persistent_keepalive = Seconds(0);
    CHECK(test::text(diff(state, drifted)) ==
          "~ peer " + brief(1) + " (site home): keepalive 25s\n");
  }
  SECTION("a foreign peer, address and kernel route") {
    drifted.interface->device.peers.push_back(
        {test::key(3), std::nullopt, {test::prefix("10.77.0.0/24")}, Seconds(0), 0, 0, 0});
    drifted.interface->link.addresses.push_back({IpAddress::parse("192.0.2.7").value(), 32});
    drifted.interface->link.kernel_routes.push_back(test::prefix("10.77.0.0/24"));
    CHECK(test::text(diff(state, drifted)) ==
          "- kernel route 10.77.0.0/24 by adit0\n"
          "- peer " +
              brief(3) +
              "\n"
              "- address 192.0.2.7/32 on adit0\n");
  }
  SECTION("down, of another mtu and port") {
    drifted.interface->link.is_up = false;
    drifted.interface->link.mtu = 1500;
    drifted.interface->device.listen_port = 1;
    CHECK(test::text(diff(state, drifted)) ==
          "~ interface adit0: listen port 51820\n"
          "~ interface adit0: up, mtu 1420\n");
  }
  SECTION("what roams is not drift") {
    wireguard::Peer& peer = drifted.interface->device.peers[0];
    peer.endpoint = Endpoint::parse("198.51.100.7:40000").value();
    peer.latest_handshake = 1;
    peer.received_bytes = 2;
    CHECK(diff(state, drifted).is_empty());
  }
  SECTION("another table") {
    drifted.relay->table_digest ^= 1;
    CHECK(test::text(diff(state, drifted)) == "~ route table of revision 1\n");
  }
}

TEST_CASE("diff: a source address comes before the table, and stays for its connections",
          "[plan]") {
  const std::string home = "sites:\n" + test::site("home", 1, "networks: [10.30.0.0/24]");
  const Desired before = test::desired(home);
  const Desired with = test::desired(home + "relay: {source_addresses: [10.98.0.2]}\n", 2);
  CHECK(test::text(diff(with, test::applied(before))) ==
        "+ address 10.98.0.2/32 on adit0\n"
        "~ route table of revision 2\n");
  const Desired after = test::desired(home, 3);
  CHECK(test::text(diff(after, test::applied(with))) == "~ route table of revision 3\n");
}

TEST_CASE("diff: listen port 0 takes whatever the kernel chose", "[plan]") {
  NodeIdentity any = test::node();
  any.listen_port = 0;
  const Desired state = build_desired(test::resources(one_home()), any, 1);
  Observed observed = test::applied(state);
  observed.interface->device.listen_port = 40123;
  CHECK(diff(state, observed).is_empty());
}
