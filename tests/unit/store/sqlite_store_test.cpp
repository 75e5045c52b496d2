// The store as its users see it: revisions in, the same revisions out, conflicts, history, index.
#include <filesystem>
#include <random>

#include <sys/stat.h>

#include "tests/unit/store/store_fixture.hpp"

using adit::Errc;
using adit::store::open_sqlite_store;
using adit::store::Revision;
using adit::store::Store;
using adit::test::TempDir;
namespace config = adit::config;
namespace test = adit::store::test;

namespace {

std::unique_ptr<Store> open_in(const TempDir& folder) {
  auto store = open_sqlite_store(folder.path());
  if (!store) FAIL(store.error().what);
  return std::move(*store);
}

/// Every value that a resource can hold, each different from its default.
config::Resources full_resources() {
  config::Resources resources = test::resources_for(1);
  resources.sites["home"].http_target = adit::Endpoint::parse("10.30.0.201:8080").value();
  resources.sites["home"].keepalive = adit::Seconds(13);
  resources.sites["cabin"].owner = "git";
  resources.sites["cabin"].networks = {adit::IpPrefix::parse("192.0.2.0/25").value(),
                                       adit::IpPrefix::parse("2001:db8:5::/48").value()};
  auto& host = resources.hosts["*.lab.example.com"];
  host.owner = "git";
  host.site = "home";
  host.port = 8443;
  host.drain = adit::Milliseconds(31'000);
  resources.hosts["*"].site = "home";
  auto& relay = resources.relay.emplace();
  relay.owner = "git";
  relay.addresses = {adit::IpAddress::parse("198.51.100.1").value(),
                     adit::IpAddress::parse("2001:db8::1").value()};
  relay.https_port = 0;
  relay.http_port.reset();
  relay.timeouts.hello = adit::Milliseconds(7'000);
  relay.timeouts.idle = adit::Milliseconds(600'000);
  relay.limits.connections = 123;
  relay.privacy = adit::Privacy::Hash;
  return resources;
}

}  // namespace

TEST_CASE("store: empty before the first revision", "[store]") {
  const TempDir folder;
  const auto store = open_in(folder);
  CHECK(store->head().value() == Revision{});
  CHECK(store->list(10).value().empty());
  CHECK(store->get(1).error().code == Errc::NotFound);
  CHECK(store->get(0).error().code == Errc::NotFound);
}

TEST_CASE("store: what was committed comes back, also after a reopen", "[store]") {
  const TempDir folder;
  Revision full;
  full.owner = "git";
  full.uid = 4'294'967'295U;
  full.time = 1'790'000'000;
  full.message = "line one\nline \"two\" \\ é";
  full.resources = full_resources();
  {
    const auto store = open_in(folder);
    REQUIRE(store->commit(0, full).value() == 1);
    REQUIRE(store->commit(1, test::revision_for(2)).value() == 2);
    full.number = 1;
    CHECK(store->get(1).value() == full);
    CHECK(store->head().value() == test::revision_for(2));
  }
  const auto store = open_in(folder);
  CHECK(store->get(1).value() == full);
  CHECK(store->get(2).value() == test::revision_for(2));
  CHECK(store->head().value() == test::revision_for(2));
  CHECK(store->get(3).error().code == Errc::NotFound);
}

TEST_CASE("store: a commit on an old head changes nothing", "[store]") {
  const TempDir folder;
  const auto store = open_in(folder);
  const auto other = open_in(folder);
  REQUIRE(store->commit(0, test::revision_for(1)));
  const auto late = other->commit(0, test::revision_for(9));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == Errc::Conflict);
  CHECK(late.error().what == "commit: the newest revision is 1, no longer 0");
  CHECK(other->commit(5, test::revision_for(9)).error().code == Errc::Conflict);
  // The other one sees the first one's commit and goes on from there; and the other way round.
  CHECK(other->head().value() == test::revision_for(1));
  REQUIRE(other->commit(1, test::revision_for(2)));
  CHECK(store->head().value() == test::revision_for(2));
  CHECK(store->list(10).value().size() == 2);
}

TEST_CASE("store: while another process writes, a commit is unavailable and can be repeated",
          "[store]") {
  const TempDir folder;
  const auto store = open_in(folder);
  test::RawDatabase other(folder.file("adit.db"));
  other.execute("BEGIN IMMEDIATE");
  CHECK(store->head().value().number == 0);  // reading goes on
  CHECK(store->commit(0, test::revision_for(1)).error().code == Errc::Unavailable);
  other.execute("ROLLBACK");
  CHECK(store->commit(0, test::revision_for(1)).value() == 1);
}

TEST_CASE("store: history, newest first, with what each revision changed", "[store]") {
  const TempDir folder;
  const auto store = open_in(folder);
  Revision revision = test::revision_for(1);
  revision.resources = {};
  revision.resources.sites["home"].owner = "cli";
  revision.resources.hosts["a.example.com"].site = "home";
  REQUIRE(store->commit(0, revision));
  revision.resources.hosts["a.example.com"].drain = adit::Milliseconds(9'000);
  revision.resources.relay.emplace();
  REQUIRE(store->commit(1, revision));
  REQUIRE(store->commit(2, revision));
  revision.resources.hosts.clear();
  for (int i = 0; i < 9; ++i) {
    revision.resources.hosts["n" + std::to_string(i) + ".test"].site = "home";
  }
  REQUIRE(store->commit(3, revision));
  const auto all = store->list(100).value();
  REQUIRE(all.size() == 4);
  CHECK(all[3].summary == "+site home, +host a.example.com");
  CHECK(all[2].summary == "~host a.example.com, +relay");
  CHECK(all[1].summary == "no change");
  CHECK(all[0].summary ==
        "-host a.example.com, +host n0.test, +host n1.test, +host n2.test and 6 more");
  CHECK(all[0].number == 4);
  CHECK(all[3].message == revision.message);
  CHECK(all[3].owner == revision.owner);
  CHECK(all[3].uid == revision.uid);
  CHECK(all[3].time == revision.time);
  const auto some = store->list(2).value();
  REQUIRE(some.size() == 2);
  CHECK(some[1].number == 3);
  CHECK(store->list(0).value().empty());
}

TEST_CASE("store: the watcher hears of commits, and only of those", "[store]") {
  const TempDir folder;
  const auto store = open_in(folder);
  std::vector<std::uint64_t> heard;
  store->watch([&](std::uint64_t number) { heard.push_back(number); });
  REQUIRE(store->commit(0, test::revision_for(1)));
  REQUIRE_FALSE(store->commit(0, test::revision_for(1)));
  REQUIRE(store->commit(1, test::revision_for(2)));
  CHECK(heard == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("store: one lease at a time, given back when the store closes", "[store]") {
  const TempDir folder;
  auto first = open_in(folder);
  const auto second = open_in(folder);
  REQUIRE(first->lease());
  CHECK(first->lease());
  CHECK(second->lease().error().code == Errc::Conflict);
  first.reset();
  CHECK(second->lease());
}

TEST_CASE("store: its files are for its user alone", "[store]") {
  const TempDir folder;
  const auto mode_of = [&](const std::string& name) {
    struct stat status {};
    REQUIRE(::stat(folder.file(name).c_str(), &status) == 0);
    return status.st_mode & 07777;
  };
  const mode_t old_mask = ::umask(0);
  {
    const auto store = open_in(folder);
    REQUIRE(store->commit(0, test::revision_for(1)));
    REQUIRE(store->lease());
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      CAPTURE(entry.path());
      CHECK(mode_of(entry.path().filename()) == 0600);
    }
  }
  // One that was opened to others by hand is closed to them again.
  REQUIRE(::chmod(folder.file("adit.db").c_str(), 0644) == 0);
  const auto store = open_in(folder);
  ::umask(old_mask);
  CHECK(mode_of("adit.db") == 0600);
  CHECK(store->head().value().number == 1);
}

TEST_CASE("store: random revisions: each comes back, and the index is that of the head",
          "[store][property]") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const TempDir folder;
  auto store = open_in(folder);
  std::vector<Revision> history{Revision{}};
  std::map<std::string, std::pair<std::string, std::uint64_t>> want_index;
  for (std::uint64_t number = 1; number <= 60; ++number) {
    CAPTURE(number);
    Revision next = test::revision_for(random() % 50, random() % 12);
    for (auto& [name, host] : next.resources.hosts) host.owner = random() % 2 == 0 ? "cli" : "git";
    if (random() % 3 == 0) next.resources.relay.emplace().https_port = random() % 2 == 0 ? 443 : 1;
    if (random() % 4 == 0) next.resources = history[random() % history.size()].resources;
    REQUIRE(store->commit(number - 1, next).value() == number);
    next.number = number;
    const auto& before = history.back().resources;
    decltype(want_index) index;
    const auto note = [&](const std::string& key, const std::string& owner, bool is_same) {
      index[key] = {owner, is_same ? want_index.at(key).second : number};
    };
    for (const auto& [name, site] : next.resources.sites) {
      note("site/" + name, site.owner,
           before.sites.contains(name) && before.sites.at(name) == site);
    }
    for (const auto& [name, host] : next.resources.hosts) {
      note("host/" + name, host.owner,
           before.hosts.contains(name) && before.hosts.at(name) == host);
    }
    if (next.resources.relay) {
      note("relay/", next.resources.relay->owner, before.relay == next.resources.relay);
    }
    want_index = std::move(index);
    history.push_back(next);
    if (random() % 8 == 0) store = open_in(folder);
    REQUIRE(store->head().value() == next);
    REQUIRE(test::RawDatabase(folder.file("adit.db")).index() == want_index);
  }
  for (std::uint64_t number = 1; number < history.size(); ++number) {
    CAPTURE(number);
    REQUIRE(store->get(number).value() == history[number]);
  }
}
