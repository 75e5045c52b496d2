#include "controller/apply/change_flow.hpp"

#include <cerrno>

#include "controller/config/resource_json.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/apply/fakes.hpp"

namespace adit::apply::test {

namespace {

config::Host direct_host(const std::string& target) {
  config::Host host;
  host.site = config::kDirectSite;
  host.target = Endpoint::parse(target).value();
  return host;
}

}  // namespace

TEST_CASE("change flow: an apply is checked, committed, made live and undone by rollback",
          "[controller]") {
  World world;
  const auto result = world.apply(kDirect);
  REQUIRE(result);
  CHECK(result->revision == 1);
  CHECK(result->previous_revision == 0);
  CHECK(result->undo == "adit rollback 0");
  CHECK(world.relay.checks == 1);
  REQUIRE(world.relay.live);
  CHECK(world.relay.live->revision == 1);
  REQUIRE(world.store.revisions.size() == 1);
  CHECK(world.store.revisions[0].time == world.now.wall);
  for (const auto& step : result->steps) CHECK(step.state == StepState::Done);
  CHECK(world.tunnel.calls.empty());  // `direct` needs no privilege: nothing was opened
}

TEST_CASE("change flow: the same state again makes no revision and no step", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  const auto again = world.apply(kDirect);
  REQUIRE(again);
  CHECK(again->revision == 1);
  CHECK(again->changes.empty());
  CHECK(again->steps.empty());
  CHECK(again->undo.empty());
  CHECK(world.store.revisions.size() == 1);
  CHECK(world.relay.sets == 1);
}

TEST_CASE("change flow: what the relay refuses is not committed", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  world.relay.check_problems = {"port 8443: Address already in use"};
  const auto refused = world.change(PutHost{"b.example.com", direct_host("127.0.0.1:9"), false});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::Conflict);
  CHECK(refused.error().what.find("port 8443") != std::string::npos);
  CHECK(world.store.revisions.size() == 1);
  CHECK(world.flow.state()->revision == 1);
  CHECK(world.relay.live->revision == 1);
}

TEST_CASE("change flow: a relay that is away is skipped with a warning and its step waits",
          "[controller]") {
  World world;
  world.relay.away = error(Errc::Unavailable, "relay: no answer");
  const auto result = world.apply(kDirect);
  REQUIRE(result);
  CHECK(result->revision == 1);
  CHECK(result->warnings.size() == 1);
  REQUIRE(result->steps.size() == 1);
  CHECK(result->steps[0].state == StepState::Waiting);
  CHECK(result->steps[0].error == "relay: no answer");
}

TEST_CASE("change flow: an end in the middle of the question commits nothing", "[controller]") {
  World world;
  world.relay.away = Error{Errc::Unavailable, "relay: stopped", ECANCELED};
  const auto refused = world.apply(kDirect);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::Unavailable);
  CHECK(world.store.revisions.empty());
}

TEST_CASE("change flow: a store that cannot write refuses, and nothing is made live",
          "[controller]") {
  World world;
  world.store.failing = error(Errc::System, "adit.db: disk full");
  const auto refused = world.apply(kDirect);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == "adit.db: disk full");
  CHECK(world.flow.state()->revision == 0);
  CHECK(world.relay.sets == 0);
}

TEST_CASE("change flow: a dry run observes and plans, no more", "[controller]") {
  World world;
  ChangeRequest request;
  request.action = ApplyFiles{{{"a.yaml", kHome}}, false};
  request.dry_run = true;
  const auto plan = world.flow.change(request, world.now);
  REQUIRE(plan);
  CHECK(plan->revision == 0);
  CHECK(plan->changes.size() == 2);
  CHECK(plan->steps.size() > 3);
  for (const auto& step : plan->steps) CHECK(step.state == StepState::Planned);
  CHECK(world.store.revisions.empty());
  CHECK(world.relay.sets == 0);
  CHECK(world.tunnel.calls.empty());
}

TEST_CASE("change flow: If-Match of another revision is a failed precondition", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  ChangeRequest request;
  request.action = RemoveHost{"app.example.com"};
  request.expected_revision = 7;
  const auto refused = world.flow.change(request, world.now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().is_precondition);
  request.expected_revision = 1;
  CHECK(world.flow.change(request, world.now));
}

TEST_CASE("change flow: If-None-Match allows the same host and refuses another", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  const auto same = world.change(PutHost{"App.example.com.", direct_host("127.0.0.1:9"), true});
  REQUIRE(same);
  CHECK(same->changes.empty());
  const auto other = world.change(PutHost{"App.example.com.", direct_host("127.0.0.1:10"), true});
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::Conflict);
  CHECK(world.store.revisions.size() == 1);
}

TEST_CASE("change flow: all problems of the files come at once", "[controller]") {
  World world;
  const auto refused =
      world.apply("hosts:\n  a.example.com: {site: nowhere}\n  b.example.com: {sit: home}\n");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::Invalid);
  CHECK(refused.error().problems.size() >= 2);
  CHECK(world.relay.checks == 0);
}

TEST_CASE("change flow: rollback brings a revision back, and 0 is nothing at all", "[controller]") {
  World world;
  REQUIRE(world.apply(kDirect));
  const auto first = world.flow.state()->resources;
  REQUIRE(world.change(RemoveHost{"app.example.com"}));
  CHECK(world.flow.state()->resources.hosts.empty());
  const auto back = world.change(Rollback{1});
  REQUIRE(back);
  CHECK(back->revision == 3);
  CHECK(world.flow.state()->resources == first);
  REQUIRE(world.change(Rollback{0}));
  CHECK(world.flow.state()->resources.hosts.empty());
  const auto missing = world.change(Rollback{9});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::NotFound);
}

TEST_CASE("change flow: a patch of the key alone may be made by anybody", "[controller]") {
  World world;
  ChangeRequest request;
  request.owner = "git";
  request.action = ApplyFiles{{{"a.yaml", "sites:\n  home: {networks: [10.30.0.0/24]}\n"}}, false};
  REQUIRE(world.flow.change(request, world.now));
  const auto keyed = world.change(PatchSite{"home", {{"public_key", kKeyText}}});
  REQUIRE(keyed);
  CHECK(keyed->undo.empty());  // the first key cannot be taken back, and the note says so
  CHECK(keyed->undo_note ==
        "the first key of home can be replaced (adit site set-key home KEY); it goes only with its "
        "site (adit site rm home)");
  CHECK(world.flow.state()->resources.sites.at("home").owner == "git");
  const auto denied = world.change(PatchSite{"home", {{"keepalive", "30s"}}});
  REQUIRE_FALSE(denied);
  CHECK(denied.error().code == Errc::Conflict);
  const auto taken = world.change(PatchSite{"home", {{"public_key", nullptr}}});
  REQUIRE_FALSE(taken);
  const auto missing = world.change(PatchSite{"none", {{"public_key", kKeyText}}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::NotFound);
}

TEST_CASE("undo: one command for each kind of change", "[controller]") {
  World world;
  const auto host = world.change(PutHost{"*.example.com", direct_host("127.0.0.1:9"), false});
  REQUIRE(host);
  CHECK(host->undo == "adit host rm '*.example.com'");
  const auto again = world.change(PutHost{"*.example.com", direct_host("127.0.0.1:10"), false});
  REQUIRE(again);
  CHECK(again->undo == "adit rollback 1");
  REQUIRE(world.apply(kHome));
  const auto key = world.change(
      PatchSite{"home", {{"public_key", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}}});
  REQUIRE(key);
  CHECK(key->undo == "adit site set-key home " + kKeyText);
  CHECK(key->undo_note.empty());
}

namespace {

const std::string kOtherKey = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("undo: an apply that changes a key names the command that a rollback is not",
          "[controller]") {
  World world;
  REQUIRE(world.apply(kHome));
  const auto before = world.flow.state()->resources;
  const std::string other = replaced(kHome, kKeyText, kOtherKey);
  SECTION("nothing but the key") {
    const auto key = world.apply(other);
    REQUIRE(key);
    CHECK(key->undo == "adit site set-key home " + kKeyText);
  }
  SECTION("the key and more") {
    const auto both = world.apply(replaced(other, "10.30.0.200:443", "10.30.0.201:443"));
    REQUIRE(both);
    CHECK(both->undo == "adit rollback 1 && adit site set-key home " + kKeyText);
    REQUIRE(world.change(Rollback{1}));  // what both commands do
    CHECK(world.flow.state()->resources != before);
    REQUIRE(world.change(PatchSite{"home", {{"public_key", kKeyText}}}));
    CHECK(world.flow.state()->resources == before);
  }
  SECTION("a patch of the key and more") {
    const auto both =
        world.change(PatchSite{"home", {{"public_key", kOtherKey}, {"keepalive", "30s"}}});
    REQUIRE(both);
    CHECK(both->undo == "adit rollback 1 && adit site set-key home " + kKeyText);
  }
}

TEST_CASE("undo: a first key is told apart from a site that came with one", "[controller]") {
  World world;
  const std::string key_line = "public_key: " + kKeyText + ", ";
  REQUIRE(world.apply(replaced(kHome, key_line, "")));
  const auto first = world.apply(replaced(kHome, "10.30.0.200:443", "10.30.0.201:443"));
  REQUIRE(first);
  CHECK(first->undo == "adit rollback 1");
  CHECK(first->undo_note.find("the first key of home") == 0);
  const auto with_its_site =
      world.apply("sites:\n  cabin: {public_key: " + kOtherKey + ", networks: [10.31.0.0/24]}\n");
  REQUIRE(with_its_site);
  CHECK(with_its_site->undo == "adit rollback 2");
  CHECK(with_its_site->undo_note.empty());
  const auto gone = world.change(RemoveSite{"cabin"});  // a rollback brings its key back
  REQUIRE(gone);
  CHECK(gone->undo == "adit rollback 3");
}

}  // namespace adit::apply::test
