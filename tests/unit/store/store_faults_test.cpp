// The store when things go wrong around it: killed in the middle, a newer or foreign or damaged
// file, no space, no permission. Nothing committed is ever lost, nothing half-done is ever seen.
#include <array>
#include <csignal>
#include <fstream>
#include <random>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/os/files.hpp"
#include "common/unique_fd.hpp"
#include "tests/unit/store/store_fixture.hpp"

using adit::Errc;
using adit::UniqueFd;
using adit::store::open_sqlite_store;
using adit::test::TempDir;
namespace os = adit::os;
namespace test = adit::store::test;

namespace {

void fill(const TempDir& folder, std::uint64_t revisions, std::size_t hosts = 3) {
  const auto store = open_sqlite_store(folder.path()).value();
  for (std::uint64_t number = 1; number <= revisions; ++number) {
    REQUIRE(store->commit(number - 1, test::revision_for(number, hosts)));
  }
}

std::vector<std::uint8_t> content(const std::string& path) {
  return os::read_file(path, std::size_t{64} << 20).value();
}

void overwrite(const std::string& path, std::streamoff offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file << bytes;
  REQUIRE(file.good());
}

/// Commits for ever and writes one byte for each revision that is safe.
[[noreturn]] void commit_for_ever(const std::string& folder, int report) {
  auto store = open_sqlite_store(folder).value();
  for (auto number = store->head().value().number;; ++number) {
    if (!store->commit(number, test::revision_for(number + 1, 200))) ::_exit(1);
    if (::write(report, "x", 1) != 1) ::_exit(2);
  }
}

}  // namespace

TEST_CASE("store: killed in the middle of a commit, the head is whole", "[store]") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const TempDir folder;
  std::uint64_t safe = 0;
  for (int round = 0; round < 15; ++round) {
    CAPTURE(round, safe);
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) commit_for_ever(folder.path(), writing.get());
    writing.reset();
    // The child never stops committing, so wherever the signal finds it, it is at work on one.
    const auto wanted = 1 + random() % 5;
    char byte = 0;
    for (std::uint32_t i = 0; i < wanted && ::read(reading.get(), &byte, 1) == 1; ++i) ++safe;
    for (auto calls = random() % 20'000; calls > 0; --calls) (void)::getppid();
    REQUIRE(::kill(child, SIGKILL) == 0);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    while (::read(reading.get(), &byte, 1) == 1) ++safe;

    const auto store = open_sqlite_store(folder.path());
    if (!store) FAIL(store.error().what);
    const auto head = (*store)->head().value();
    CHECK(head.number >= safe);
    CHECK(head.number <= safe + 1);  // done, but not yet reported
    CHECK(head == test::revision_for(head.number, 200));
    CHECK((*store)->list(100'000).value().size() == head.number);
    test::RawDatabase raw(folder.file("adit.db"));
    CHECK(raw.index().size() == head.resources.hosts.size() + head.resources.sites.size());
    CHECK(raw.value("PRAGMA integrity_check") == "ok");
    CHECK(raw.value("PRAGMA foreign_key_check").empty());
    safe = head.number;
  }
}

TEST_CASE("store: a file of a newer version is left as it is", "[store]") {
  const TempDir folder;
  fill(folder, 2);
  test::RawDatabase(folder.file("adit.db")).execute("PRAGMA user_version = 2");
  const auto before = content(folder.file("adit.db"));
  const auto store = open_sqlite_store(folder.path());
  REQUIRE_FALSE(store);
  CHECK(store.error().code == Errc::Conflict);
  CHECK(store.error().what.find("newer") != std::string::npos);
  CHECK(content(folder.file("adit.db")) == before);
}

TEST_CASE("store: another program's database is left as it is", "[store]") {
  const TempDir folder;
  test::RawDatabase(folder.file("adit.db")).execute("CREATE TABLE bookmarks (url TEXT)");
  const auto before = content(folder.file("adit.db"));
  const auto store = open_sqlite_store(folder.path());
  REQUIRE_FALSE(store);
  CHECK(store.error().code == Errc::Conflict);
  CHECK(content(folder.file("adit.db")) == before);
}

TEST_CASE("store: a damaged file is named, with what to do, and not written over", "[store]") {
  const TempDir folder;
  fill(folder, 40, 40);
  const std::string path = folder.file("adit.db");
  const auto size = static_cast<std::streamoff>(content(path).size());
  REQUIRE(size > 100'000);
  SECTION("no database at all") {
    overwrite(path, 0, std::string(4096, '#'));
  }
  SECTION("its pages are garbage") {
    for (std::streamoff at = 4096; at < size; at += 4096)
      overwrite(path, at, std::string(64, '\7'));
  }
  SECTION("cut off") {
    REQUIRE(::truncate(path.c_str(), size / 2) == 0);
  }
  SECTION("the newest document is no JSON") {
    test::RawDatabase(path).execute(
        "UPDATE revisions SET document = '{\"sites\"' WHERE number = 40");
  }
  SECTION("the newest document is no state") {
    test::RawDatabase(path).execute(
        "UPDATE revisions SET document = '{\"sites\": {\"home\": {\"networks\": 7}}}' "
        "WHERE number = 40");
  }
  const auto before = content(path);
  const auto store = open_sqlite_store(folder.path());
  REQUIRE_FALSE(store);
  CAPTURE(store.error().what);
  CHECK(store.error().code == Errc::System);
  CHECK(store.error().what.find(path) != std::string::npos);
  CHECK(store.error().what.find("damaged") != std::string::npos);
  CHECK(store.error().what.find("move") != std::string::npos);
  CHECK(content(path) == before);
}

TEST_CASE("store: a damaged revision of long ago does not stop the newest", "[store]") {
  const TempDir folder;
  fill(folder, 3);
  test::RawDatabase(folder.file("adit.db"))
      .execute("UPDATE revisions SET document = 'x' WHERE number = 2");
  const auto store = open_sqlite_store(folder.path()).value();
  CHECK(store->head().value() == test::revision_for(3));
  CHECK(store->get(2).error().code == Errc::System);
  CHECK(store->commit(3, test::revision_for(4)).value() == 4);
}

TEST_CASE("store: no folder, or something else in the file's place", "[store]") {
  const TempDir folder;
  CHECK(open_sqlite_store(folder.file("missing")).error().code == Errc::NotFound);
  REQUIRE(::mkdir(folder.file("adit.db").c_str(), 0700) == 0);
  CHECK(open_sqlite_store(folder.path()).error().code == Errc::Conflict);
}

TEST_CASE("store: a full disk refuses the commit and keeps what there was", "[store]") {
  const TempDir folder;
  const int status = test::in_child([&] {
    // A small file system of our own where the kernel allows one; else the same by a limit on the
    // size of files.
    const bool has_mount = ::unshare(CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER)) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!has_mount) {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{800'000, 800'000};
      if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 10;
    }
    std::uint64_t number = 0;
    {
      auto store = open_sqlite_store(folder.path());
      if (!store) return 11;
      while (true) {
        const auto done = (*store)->commit(number, test::revision_for(number + 1, 50));
        if (!done && done.error().code != Errc::System) return 12;
        if (!done && has_mount && done.error().what.find("full") == std::string::npos) return 13;
        if (!done) break;
        if (++number > 10'000) return 14;
      }
      if (number < 5) return 15;
      if ((*store)->head().value() != test::revision_for(number, 50)) return 16;
    }
    auto store = open_sqlite_store(folder.path());
    if (!store) return 17;
    if ((*store)->head().value() != test::revision_for(number, 50)) return 18;
    if ((*store)->list(100'000).value().size() != number) return 19;
    if (!has_mount) return 0;
    // Space again: it goes on where it was.
    if (::mount("tmpfs", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=8m") != 0) return 20;
    return (*store)->commit(number, test::revision_for(number + 1, 50)) ? 0 : 21;
  });
  CHECK(status == 0);
}

TEST_CASE("store: without permission to write it says so and changes nothing", "[store]") {
  const TempDir folder;
  // As root every permission holds, so a child becomes nobody.
  const auto open_as_other = [&] {
    return test::in_child([&] {
      if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 10;
      const auto store = open_sqlite_store(folder.path());
      if (store) return 11;
      if (store.error().code != Errc::Denied) return 12;
      return store.error().what.find(folder.path()) == std::string::npos ? 13 : 0;
    });
  };
  SECTION("a folder where nothing can be made") {
    REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
    CHECK(open_as_other() == 0);
  }
  SECTION("a database that can only be read") {
    fill(folder, 1);
    REQUIRE(::chmod(folder.file("adit.db").c_str(), ::geteuid() == 0 ? 0444 : 0400) == 0);
    REQUIRE(::chmod(folder.path().c_str(), 0555) == 0);
    const auto before = content(folder.file("adit.db"));
    CHECK(open_as_other() == 0);
    CHECK(content(folder.file("adit.db")) == before);
  }
  REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
}
