#include "controller/config/ownership.hpp"

#include "controller/config/resource_json.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;
using adit::Errc;

namespace {

const ApplyOptions kGit{"git", false};
const ApplyOptions kGitPrune{"git", true};

/// A state in which git owns home, a.example.com and the relay, and cli owns b.example.com.
Resources two_owners() {
  const auto by_git = test::apply_text(
      "sites: {home: {networks: [10.30.0.0/24], target: 10.30.0.200:443}}\n"
      "hosts: {a.example.com: {site: home}}\n"
      "relay: {privacy: hash}\n",
      {}, kGit);
  return test::apply_text("hosts: {b.example.com: {site: home}}\n", by_git.value()).value();
}

std::string problems(const Checked<Resources>& result) {
  return result ? std::string{} : test::lines(result.error());
}

}  // namespace

TEST_CASE("apply: what is written gets the owner; the rest stays", "[config]") {
  const Resources state = two_owners();
  CHECK(state.sites.at("home").owner == "git");
  CHECK(state.hosts.at("a.example.com").owner == "git");
  CHECK(state.hosts.at("b.example.com").owner == "cli");
  CHECK(state.relay->owner == "git");
}

TEST_CASE("apply: the same file twice changes nothing", "[config]") {
  const std::string text =
      "sites: {home: {networks: [10.30.0.0/24]}, cabin: {}}\n"
      "hosts: {a.example.com: {site: home, target: 10.30.0.1:443}}\n";
  const auto once = test::apply_text(text);
  REQUIRE(once);
  const auto twice = test::apply_text(text, *once);
  REQUIRE(twice);
  CHECK(*twice == *once);
}

TEST_CASE("apply: another owner's resource is a conflict that says which --owner", "[config]") {
  const auto result = test::apply_text(
      "hosts:\n"
      "  a.example.com: {site: direct, target: 10.0.0.1:443}\n"
      "  b.example.com: {site: home, drain: 1s}\n"
      "sites: {home: {}}\n"
      "relay: {}\n",
      two_owners());
  CHECK(problems(result) ==
        "a.yaml:2:3: hosts.a.example.com: host a.example.com belongs to owner \"git\"; use --owner "
        "git\n"
        "a.yaml:4:9: sites.home: site home belongs to owner \"git\"; use --owner git\n"
        "a.yaml:5:8: relay: relay belongs to owner \"git\"; use --owner git\n");
  CHECK(code_of(result.error()) == Errc::Conflict);
}

TEST_CASE("apply: prune removes only what its owner no longer writes", "[config]") {
  const auto result =
      test::apply_text("sites: {home: {networks: [10.30.0.0/24], target: 10.30.0.200:443}}\n",
                       two_owners(), kGitPrune);
  REQUIRE(result);
  CHECK_FALSE(result->hosts.contains("a.example.com"));
  CHECK(result->hosts.contains("b.example.com"));
  CHECK_FALSE(result->relay);
}

TEST_CASE("apply: prune does not take a site away from hosts that use it", "[config]") {
  const auto result = test::apply_text("hosts: {}\n", two_owners(), kGitPrune);
  CHECK(problems(result) ==
        "sites.home: site home is used by b.example.com; remove or move the host first\n");
  CHECK(code_of(result.error()) == Errc::Conflict);
}

TEST_CASE("apply: prune under cli and odd owners are refused", "[config]") {
  CHECK(problems(test::apply_text("hosts: {}\n", {}, {"cli", true})) ==
        "owner: prune removes what the owner no longer writes, and \"cli\" is everybody at the "
        "command line; say --owner NAME\n");
  CHECK(problems(test::apply_text("hosts: {}\n", {}, {"Git Hub", false})) ==
        "owner: \"Git Hub\" is not a name for an owner; use 1 to 63 of a-z, 0-9, '.', '_' and '-', "
        "beginning with a letter or digit\n");
}

TEST_CASE("apply: prune by files that hold nothing would remove everything, and is refused",
          "[config]") {
  const Resources mine = test::apply_text("sites: {home: {}}\n", {}, kGit).value();
  const std::string refusal =
      "prune: the files hold nothing, so all that owner \"git\" has would be removed; if that is "
      "meant, apply a file with {}\n";
  CHECK(problems(apply_files({}, mine, kGitPrune, test::facts())) == refusal);
  CHECK(problems(test::apply_text("", mine, kGitPrune)) == refusal);
  CHECK(problems(test::apply_text("# all of it is gone\n", mine, kGitPrune)) == refusal);
  CHECK(test::apply_text("{}\n", mine, kGitPrune)->sites.empty());
  CHECK(apply_files({}, mine, kGit, test::facts()) == mine);
}

TEST_CASE("apply: a site keeps the key and the address that the file leaves out", "[config]") {
  auto state = test::apply_text("sites: {home: {address: 10.98.0.77}}\n").value();
  state = set_site_key(state, "home", test::key(1)).value();
  const auto again = test::apply_text("sites: {home: {keepalive: 10s}}\n", state);
  REQUIRE(again);
  CHECK(again->sites.at("home").public_key == test::key(1));
  CHECK(again->sites.at("home").address == test::address("10.98.0.77"));
  CHECK(again->sites.at("home").keepalive == adit::Seconds(10));
}

TEST_CASE("apply_files: problems of reading and of the whole come together", "[config]") {
  CHECK(test::problems_of("sites:\n"
                          "  home: {networks: [10.30.0.0/24], keepalive: often}\n"
                          "hosts:\n"
                          "  a.example.com: {site: hme, target: 10.30.0.1:443}\n"
                          "  b.example.com: {site: home, target: 10.40.0.1:443}\n"
                          "  c.example.com: {site: nowhere, prot: 443}\n") ==
        "a.yaml:2:47: sites.home.keepalive: \"often\" is not a duration (like 500ms, 25s, 5m or "
        "1h)\n"
        "a.yaml:4:25: hosts.a.example.com.site: no site \"hme\"; did you mean \"home\"?\n"
        "a.yaml:6:34: hosts.c.example.com: unknown key \"prot\"; did you mean \"port\"?\n");
}

TEST_CASE("apply_files: several files are one document", "[config]") {
  const SourceFile sites{"sites.yaml", "sites: {home: {networks: [10.30.0.0/24]}}\n"};
  const SourceFile hosts{"hosts.yaml",
                         "hosts: {a.example.com: {site: home, target: 10.30.0.1:443}}\n"};
  CHECK(apply_files({hosts, sites}, {}, {}, test::facts()));
  const auto twice = apply_files({hosts, sites, {"more.yaml", hosts.text}}, {}, {}, test::facts());
  CHECK(problems(twice) ==
        "more.yaml:1:9: hosts.a.example.com: written twice; the first is at hosts.yaml:1:9\n");
  // A file that cannot be parsed may hold the site: no word about the host.
  const auto broken =
      apply_files({hosts, {"sites.yaml", "sites: {home: [\n"}}, {}, {}, test::facts());
  REQUIRE_FALSE(broken);
  CHECK(broken.error().size() == 1);
  CHECK(broken.error().front().file == "sites.yaml");
}

TEST_CASE("put and remove: one resource at a time under its owner", "[config]") {
  const Resources state = two_owners();
  Host host;
  host.site = "home";
  const auto added = put_host(state, "New.Example.com.", host, "cli");
  REQUIRE(added);
  CHECK(added->hosts.at("new.example.com").owner == "cli");
  CHECK(problems(put_host(state, "a.example.com", host, "cli")) ==
        "hosts.a.example.com: host a.example.com belongs to owner \"git\"; use --owner git\n");
  CHECK(problems(put_host(state, "a..b", host, "cli")) ==
        "hosts: \"a..b\": a host name has an empty label (two dots in a row, or a dot at the "
        "start)\n");

  CHECK_FALSE(remove_host(state, "b.example.com", "cli")->hosts.contains("b.example.com"));
  const auto unknown = remove_host(state, "x.example.com", "cli");
  CHECK(problems(unknown) == "hosts.x.example.com: no host \"x.example.com\"\n");
  CHECK(code_of(unknown.error()) == Errc::NotFound);
}

TEST_CASE("remove_site: refused while hosts use it", "[config]") {
  const Resources state = two_owners();
  const auto used = remove_site(state, "home", "git");
  CHECK(problems(used) ==
        "sites.home: site home is used by a.example.com, b.example.com; remove or move the hosts "
        "first\n");
  CHECK(code_of(used.error()) == Errc::Conflict);
  Resources unused = state;
  unused.hosts.clear();
  CHECK(remove_site(unused, "home", "git")->sites.empty());
  CHECK(code_of(remove_site(unused, "home", "cli").error()) == Errc::Conflict);
  CHECK(code_of(remove_site(unused, "cabin", "git").error()) == Errc::NotFound);
}

TEST_CASE("put_site and set_site_key", "[config]") {
  const Resources state = two_owners();
  CHECK(put_site(state, "cabin", {}, "cli")->sites.contains("cabin"));
  CHECK_FALSE(put_site(state, "direct", {}, "cli"));
  CHECK_FALSE(put_site(state, "My Home", {}, "cli"));
  const auto with_key = set_site_key(state, "home", test::key(3));
  REQUIRE(with_key);
  CHECK(with_key->sites.at("home").public_key == test::key(3));
  CHECK(with_key->sites.at("home").owner == "git");
  CHECK(code_of(set_site_key(state, "cabin", test::key(3)).error()) == Errc::NotFound);
}

TEST_CASE("rollback: the whole old state, with today's keys", "[config]") {
  Resources old = two_owners();
  old.sites.at("home").public_key = test::key(1);
  old.sites["gone"].public_key = test::key(2);
  Resources head = old;
  head.sites.erase("gone");
  head.sites.at("home").public_key = test::key(3);
  head.hosts.clear();
  head.relay.reset();
  const Resources result = rollback(head, old);
  CHECK(result.hosts == old.hosts);
  CHECK(result.relay == old.relay);
  CHECK(result.sites.at("home").public_key == test::key(3));
  CHECK(result.sites.at("gone").public_key == test::key(2));
}

TEST_CASE("rollback: across another ULA the IPv6 addresses are today's", "[config]") {
  const Resources old = test::apply_text("sites: {home: {}}\n").value();
  NodeFacts moved = test::facts();
  moved.pool.v6 = test::prefix("fd00:1:2::/64");
  const auto head = complete_and_validate(old, old, moved, {});
  REQUIRE(head);
  const auto back = complete_and_validate(rollback(*head, old), *head, moved, {});
  CHECK(problems(back).empty());
  CHECK(back == head);
}
