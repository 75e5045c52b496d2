#include "tests/support/catch.hpp"
#include "tests/unit/plan/fixtures.hpp"

using namespace adit;
using namespace adit::plan;

TEST_CASE("describe: every kind of step has its sign, kind and words", "[plan]") {
  const auto address = wireguard::InterfaceAddress{IpAddress::parse("10.98.0.1").value(), 20};
  const auto peer = [](ChangePeer::Kind kind, bool remove) {
    wireguard::PeerChange change;
    change.public_key = test::key(1);
    change.remove = remove;
    if (!remove) change.persistent_keepalive = Seconds(0);
    return ChangePeer{kind, "adit0", change, "home"};
  };

  struct Case {
    Action action;
    const char* sign;
    const char* kind;
    std::string what;
  };

  const std::string brief = test::key(1).brief();
  const std::vector<Case> cases{
      {CreateInterface{"adit0"}, "+", "create_interface", "interface adit0"},
      {DeleteInterface{"adit0"}, "-", "delete_interface", "interface adit0"},
      {ConfigureInterface{"adit0", true, 51820}, "~", "configure_interface",
       "interface adit0: private key of this node; listen port 51820"},
      {AddAddress{"adit0", address}, "+", "add_address", "address 10.98.0.1/20 on adit0"},
      {RemoveAddress{"adit0", address}, "-", "remove_address", "address 10.98.0.1/20 on adit0"},
      {SetUp{"adit0", 1420}, "~", "set_up", "interface adit0: up, mtu 1420"},
      {peer(ChangePeer::Kind::Add, false), "+", "add_peer",
       "peer " + brief + " (site home): keepalive off"},
      {peer(ChangePeer::Kind::Change, false), "~", "change_peer",
       "peer " + brief + " (site home): keepalive off"},
      {peer(ChangePeer::Kind::Remove, true), "-", "remove_peer", "peer " + brief + " (site home)"},
      {AddKernelRoute{"adit0", test::prefix("10.30.0.0/24")}, "+", "add_kernel_route",
       "kernel route 10.30.0.0/24 by adit0"},
      {RemoveKernelRoute{"adit0", test::prefix("10.30.0.0/24")}, "-", "remove_kernel_route",
       "kernel route 10.30.0.0/24 by adit0"},
      {SetRouteTable{7}, "~", "set_route_table", "route table of revision 7"},
  };
  CHECK(cases.size() == std::variant_size_v<Action> + 2);  // three kinds of peer changes
  for (const Case& c : cases) {
    CAPTURE(c.kind);
    CHECK(to_json(Step{Group::Tunnel, c.action}) ==
          nlohmann::json{{"sign", c.sign}, {"kind", c.kind}, {"what", c.what}});
  }
}

TEST_CASE("describe: no plan shows a whole key", "[plan]") {
  const Plan plan =
      diff(test::desired("sites:\n" + test::site("home", 1, "networks: [10.30.0.0/24]")), {});
  CHECK(test::text(plan).find(test::key(1).base64()) == std::string::npos);
  CHECK(test::text(plan).find(test::key(99).base64()) == std::string::npos);
}
