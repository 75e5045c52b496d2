#include "controller/apply/reconciler.hpp"

#include <algorithm>
#include <cerrno>

#include "controller/apply/backoff.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/apply/fakes.hpp"

namespace adit::apply::test {

namespace {

std::size_t count_notes(World& world, std::string_view part) {
  const auto notes = world.reconciler.take_notes();
  return static_cast<std::size_t>(std::count_if(notes.begin(), notes.end(), [&](const Note& note) {
    return note.text.find(part) != std::string::npos;
  }));
}

std::size_t count_calls(const World& world, const std::string& call) {
  const auto& calls = world.tunnel.calls;
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), call));
}

}  // namespace

TEST_CASE("backoff: doubles from half a second to a minute", "[controller]") {
  Backoff backoff;
  TimePoint now{};
  CHECK(backoff.is_due(now));
  CHECK_FALSE(backoff.is_waiting());
  std::vector<Milliseconds> waits;
  for (int i = 0; i < 10; ++i) {
    backoff.failed(now);
    waits.push_back(std::chrono::duration_cast<Milliseconds>(backoff.next() - now));
    CHECK_FALSE(backoff.is_due(backoff.next() - Milliseconds{1}));
    now = backoff.next();
    CHECK(backoff.is_due(now));
  }
  CHECK(waits.front() == Milliseconds{500});
  CHECK(waits[1] == Milliseconds{1000});
  CHECK(waits[6] == Milliseconds{32'000});
  CHECK(waits.back() == Milliseconds{60'000});
  backoff.reset();
  CHECK(backoff.is_due(TimePoint{}));
}

TEST_CASE("reconciler: a home with a key makes interface, peer, route and table", "[controller]") {
  World world;
  const auto result = world.apply(kHome);
  REQUIRE(result);
  for (const auto& step : result->steps) {
    CAPTURE(step.what, step.error);
    CHECK(step.state == StepState::Done);
  }
  REQUIRE(world.tunnel.link);
  CHECK(world.tunnel.link->is_up);
  CHECK(world.tunnel.device.public_key == world.node->identity.public_key);
  CHECK(world.tunnel.device.peers.size() == 1);
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
  CHECK(world.relay.live);
  const auto calls = world.tunnel.calls.size();
  live(world, Seconds{30});
  CHECK(world.tunnel.calls.size() == calls);  // nothing differs: nothing is done
  CHECK(world.relay.sets == 1);
}

TEST_CASE("reconciler: a missing privilege is said once, tried with back-off, and stops no host",
          "[controller]") {
  World world;
  world.tunnel.failing["create"] = Error{Errc::Denied, "no CAP_NET_ADMIN", EPERM};
  const auto result = world.apply(kHome);
  REQUIRE(result);
  CHECK(world.relay.live);  // the route table does not wait for the tunnel
  const auto& steps = result->steps;
  const auto failing = [](const StepReport& s) { return s.state == StepState::Failing; };
  CHECK(std::count_if(steps.begin(), steps.end(), failing) == 1);
  CHECK(steps.front().state == StepState::Failing);
  CHECK(steps.front().fix.find("CAP_NET_ADMIN") != std::string::npos);
  CHECK(steps[1].state == StepState::Waiting);
  CHECK(steps[1].error == "comes after: " + steps.front().what);

  live(world, Seconds{60});
  CHECK(count_notes(world, "no CAP_NET_ADMIN") == 1);
  const auto tries = count_calls(world, "create");
  CHECK(tries >= 5);
  CHECK(tries <= 9);
  CHECK(world.tunnel.calls.size() == tries);  // no other step was tried without its interface

  world.tunnel.failing.clear();
  live(world, Seconds{61});
  CHECK(world.reconciler.open_steps().empty());
  CHECK(world.tunnel.device.peers.size() == 1);
}

TEST_CASE("reconciler: the relay is asked about targets where a route has a choice",
          "[controller]") {
  World world;
  REQUIRE(world.apply("hosts: {a.example.com: {site: direct, target: 10.0.0.1:443}}"));
  live(world, Seconds{5});
  CHECK(world.relay.health_questions == 0);
  CHECK(world.reconciler.health() == nullptr);
  REQUIRE(
      world.apply("hosts: {a.example.com: {site: direct, targets: [{to: 10.0.0.1:443}, {to: "
                  "10.0.0.2:443}]}}"));
  live(world, Seconds{5});
  REQUIRE(world.reconciler.health() != nullptr);
  CHECK(world.reconciler.health()->targets.size() == 2);
  world.relay.away = error(Errc::NotFound, "no socket");
  live(world, Seconds{3});
  CHECK(world.reconciler.health() == nullptr);
}

TEST_CASE("reconciler: one peer that fails does not stop the others", "[controller]") {
  World world;
  world.tunnel.failing["change_device"] = error(Errc::System, "EINVAL");
  const auto result = world.apply(kHome);
  REQUIRE(result);
  CHECK(world.tunnel.link->is_up);
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
  CHECK_FALSE(world.reconciler.open_steps().empty());
}

TEST_CASE("reconciler: drift is repaired and reported once", "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  live(world, Seconds{11});
  world.reconciler.take_notes();
  const std::int64_t wall = world.now.wall;
  world.tunnel.device.peers[0].latest_handshake = wall;
  world.tunnel.link->kernel_routes.clear();
  live(world, Seconds{11});
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
  CHECK(world.tunnel.device.peers[0].latest_handshake == wall);  // the peer was not touched
  CHECK(count_notes(world, "repaired:") == 1);
}

TEST_CASE("reconciler: somebody who changes it back each time is not fought without end",
          "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  live(world, Seconds{2});
  world.reconciler.take_notes();
  world.relay.sets = 0;
  world.tunnel.calls.clear();
  for (int i = 0; i < 4 * 120; ++i) {  // two minutes
    world.relay.live->revision = 1;
    world.relay.live->routes.clear();
    world.tunnel.link->kernel_routes.clear();
    world.reconciler.tick(world.now);
    world.pass(Milliseconds{250});
  }
  CHECK(world.relay.sets >= 5);  // 0, 0.5, 1, 2, 4 … 60 s apart
  CHECK(world.relay.sets <= 10);
  CHECK(count_calls(world, "add_kernel_route") >= 5);
  CHECK(count_calls(world, "add_kernel_route") <= 10);
  const auto notes = world.reconciler.take_notes();
  const auto count = [&](std::string_view part) {
    return std::count_if(notes.begin(), notes.end(), [&](const Note& note) {
      return note.text.find(part) != std::string::npos;
    });
  };
  CHECK(count("repaired: ") == 2);
  CHECK(count("somebody else changes it back") == 2);
  CHECK(notes.size() == 4);

  // When it is over, the last pause ends it, and a later slip is repaired at once again.
  live(world, Seconds{70});
  CHECK(world.tunnel.link->kernel_routes.size() == 1);
  CHECK(world.relay.live->routes.size() == 1);
  CHECK(world.reconciler.open_steps().empty());
  live(world, Seconds{200});
  world.relay.live->routes.clear();
  live(world, Milliseconds{1250});
  CHECK(world.relay.live->routes.size() == 1);
}

TEST_CASE("reconciler: a controller without records leaves a serving relay alone", "[controller]") {
  World world;
  world.relay.live.emplace().revision = 7;
  world.relay.live->routes.push_back(control::Route{.name = "host/a.example.com",
                                                    .pattern = *HostPattern::parse("a.example.com"),
                                                    .port = 443,
                                                    .site = "direct",
                                                    .targets = {}});
  live(world, Seconds{30});
  CHECK(world.relay.sets == 0);
  REQUIRE(world.reconciler.open_steps().size() == 1);
  CHECK(world.reconciler.open_steps()[0].error.find("serves revision 7") != std::string::npos);
  REQUIRE(world.apply(kDirect));  // a person who says so
  CHECK(world.relay.live->revision == 1);
  CHECK(world.reconciler.open_steps().empty());
}

TEST_CASE("reconciler: somebody else's WireGuard interface is not taken over", "[controller]") {
  const auto has_peer_without_key = GENERATE(false, true);
  CAPTURE(has_peer_without_key);
  World world;
  world.tunnel.link.emplace().name = "adit0";
  world.tunnel.device.interface = "adit0";
  if (has_peer_without_key) {
    world.tunnel.device.peers.emplace_back().public_key = wireguard::PublicKey{{7, 7, 7}};
  } else {
    world.tunnel.device.public_key = wireguard::PublicKey{{9, 9, 9}};
  }
  const wireguard::Device before = world.tunnel.device;
  const auto result = world.apply(kHome);
  REQUIRE(result);
  CHECK(world.tunnel.device == before);
  CHECK(world.tunnel.link->addresses.empty());
  CHECK(world.relay.live);
  const auto& first = result->steps.front();
  CHECK(first.state == StepState::Failing);
  CHECK(first.error.find("adit did not make") != std::string::npos);
  CHECK(first.fix.find("interface:") != std::string::npos);
  live(world, Seconds{60});
  CHECK(world.tunnel.device == before);
}

TEST_CASE("reconciler: an interface that wireguard-go has just made is taken as it is",
          "[controller]") {
  World world;
  world.tunnel.link.emplace().name = "adit0";
  world.tunnel.device.interface = "adit0";
  REQUIRE(world.apply(kHome));
  CHECK(world.tunnel.device.public_key == world.node->identity.public_key);
  CHECK(count_calls(world, "create") == 0);
}

TEST_CASE("reconciler: where IPv6 is off the tunnel has IPv4 only, and nothing fails",
          "[controller]") {
  World world;
  world.tunnel.has_ipv6 = false;
  const auto result = world.apply(kHome);
  REQUIRE(result);
  CHECK(world.reconciler.open_steps().empty());
  REQUIRE(world.tunnel.link->addresses.size() == 1);
  CHECK(world.tunnel.link->addresses[0].address.is_v4());
  CHECK(count_notes(world, "IPv6 is off") == 1);
  world.tunnel.has_ipv6 = true;
  live(world, Seconds{11});
  CHECK(world.tunnel.link->addresses.size() == 2);
}

TEST_CASE("reconciler: a look that fails tells nothing: no peer is set again", "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  const auto calls = world.tunnel.calls.size();
  world.tunnel.read_error = error(Errc::System, "ENOBUFS");
  live(world, Seconds{30});
  CHECK(world.tunnel.calls.size() == calls);
  CHECK(world.reconciler.observed().interface_problem == "ENOBUFS");
  world.tunnel.read_error.reset();
  live(world, Seconds{30});
  CHECK(world.tunnel.calls.size() == calls);
  CHECK(world.reconciler.observed().interface_problem.empty());
}

TEST_CASE("reconciler: what a dry run has seen is still repaired", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  live(world, Seconds{2});
  world.relay.live->routes.clear();
  world.reconciler.preview(world.flow.state()->desired, world.now);
  live(world, Milliseconds{1250});
  CHECK(world.relay.live->routes.size() == 1);
}

TEST_CASE("reconciler: a relay that restarts without a table gets it again", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  live(world, Seconds{3});
  world.reconciler.take_notes();
  world.relay.away = error(Errc::NotFound, "relay: no socket");
  live(world, Seconds{5});
  CHECK(world.reconciler.relay_stats() == nullptr);
  REQUIRE(world.reconciler.open_steps().size() == 1);
  CHECK(world.reconciler.open_steps()[0].state == StepState::Waiting);
  CHECK(count_notes(world, "no socket") == 1);
  world.relay.live.reset();
  world.relay.away.reset();
  live(world, Seconds{2});
  CHECK(world.relay.live);
  CHECK(world.reconciler.open_steps().empty());
  CHECK(world.relay.sets == 2);
}

TEST_CASE("reconciler: a table that is refused is retried with back-off", "[controller]") {
  World world;
  world.relay.set_problems = {"port 443: permission denied"};
  const auto result = world.apply(kDirect);
  REQUIRE(result);
  REQUIRE(result->steps.size() == 1);
  CHECK(result->steps[0].state == StepState::Failing);
  live(world, Seconds{60});
  CHECK(world.relay.sets >= 5);
  CHECK(world.relay.sets <= 9);
  CHECK(count_notes(world, "permission denied") == 1);
}

TEST_CASE("reconciler: an interface is deleted with the last key, if it is ours", "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  REQUIRE(world.change(Rollback{0}));
  live(world, Seconds{6});  // the drain of its host
  CHECK_FALSE(world.tunnel.link);

  World other;
  other.tunnel.link.emplace().name = "adit0";
  other.tunnel.device.public_key = wireguard::PublicKey{{9, 9, 9}};
  live(other, Seconds{11});
  CHECK(other.tunnel.link);
  CHECK(other.tunnel.calls.empty());
}

TEST_CASE("reconciler: a silent site is looked at twice a second, others every ten",
          "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  world.reconciler.tick(world.now);
  CHECK(world.reconciler.next_due() - world.now.steady <= Milliseconds{500});
  world.tunnel.device.peers[0].latest_handshake = world.now.wall;
  world.pass(Milliseconds{600});
  world.reconciler.tick(world.now);
  // Only the relay's poll is left within ten seconds: a peer that vanishes is not noticed before.
  world.tunnel.device.peers[0].persistent_keepalive = Seconds{7};
  live(world, Seconds{9});
  CHECK(world.tunnel.device.peers[0].persistent_keepalive == Seconds{7});
  live(world, Seconds{2});
  CHECK(world.tunnel.device.peers[0].persistent_keepalive == Seconds{25});
  // The handshake grows old: silent again at the next look.
  world.pass(Seconds{200});
  world.reconciler.tick(world.now);
  CHECK(world.reconciler.next_due() - world.now.steady <= Milliseconds{500});
}

TEST_CASE("reconciler: the relay is told which sites are away, and again when it forgot",
          "[controller]") {
  using Names = std::vector<std::string>;
  World world;
  REQUIRE(world.apply(kHome));
  live(world, Seconds{2});
  CHECK(world.relay.sites_down == Names{"home"});  // there was no handshake yet
  world.tunnel.device.peers[0].latest_handshake = world.now.wall;
  live(world, Seconds{2});
  CHECK(world.relay.sites_down.empty());
  const int tells = world.relay.tells;
  live(world, Seconds{60});
  CHECK(world.relay.tells == tells);  // nothing new: nothing is said

  world.pass(Seconds{200});
  live(world, Seconds{2});
  CHECK(world.relay.sites_down == Names{"home"});
  world.relay.sites_down.clear();  // another relay at the same place
  live(world, Seconds{2});
  CHECK(world.relay.sites_down == Names{"home"});
}

TEST_CASE("reconciler: a site that sends no keepalives is never called away", "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  REQUIRE(world.change(PatchSite{"home", {{"keepalive", "0s"}}}));
  live(world, Seconds{2});
  CHECK(world.relay.sites_down.empty());
}

TEST_CASE("reconciler: no WireGuard at all is a failing step with its reason", "[controller]") {
  World world;
  world.is_backend_there = false;
  const auto result = world.apply(kHome);
  REQUIRE(result);
  CHECK(result->steps.front().error == "no WireGuard here");
  CHECK(world.relay.live);
  world.is_backend_there = true;
  live(world, Seconds{5});
  CHECK(world.tunnel.link);
}

}  // namespace adit::apply::test
