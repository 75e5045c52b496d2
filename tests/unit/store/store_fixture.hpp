// What the store's tests share: revisions that can be told apart, a look into the database beside
// the store, and a child process for what must not happen to the test itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace adit::store::test {

/// A valid state whose content follows from `number` alone.
inline config::Resources resources_for(std::uint64_t number, std::size_t hosts = 3) {
  config::Resources resources;
  config::Site home;
  home.public_key = wireguard::PublicKey{};
  home.public_key->bytes.fill(static_cast<std::uint8_t>(number + 1));
  home.networks = {IpPrefix::parse("10.30.0.0/24").value()};
  home.address = IpAddress::parse("10.98.0.10").value();
  home.address6 = IpAddress::parse("fd00:98::a").value();
  home.target = Endpoint::parse("10.30.0.200:443").value();
  resources.sites["home"] = home;
  for (std::size_t i = 0; i < hosts; ++i) {
    config::Host host;
    host.site = "home";
    host.target = Endpoint{IpAddress::parse("10.30.0.200").value(),
                           static_cast<std::uint16_t>(1000 + (number + i) % 60000)};
    resources.hosts["h" + std::to_string((number + i) % 50) + ".example.com"] = host;
  }
  return resources;
}

inline Revision revision_for(std::uint64_t number, std::size_t hosts = 3) {
  Revision revision;
  revision.number = number;
  revision.owner = number % 2 == 0 ? "git" : "cli";
  revision.uid = static_cast<std::uint32_t>(1000 + number);
  revision.time = static_cast<std::int64_t>(1'790'000'000 + number);
  revision.message = "the " + std::to_string(number) + "th, \"quoted\" and with an é";
  revision.resources = resources_for(number, hosts);
  return revision;
}

/// A second connection to the database, for looking at what the interface does not show.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path) {
    REQUIRE(sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                            nullptr) == SQLITE_OK);
  }

  ~RawDatabase() { sqlite3_close(handle_); }

  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  void execute(const std::string& sql) {
    CAPTURE(sql);
    REQUIRE(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }

  /// The first column of the first row as text.
  std::string value(const std::string& sql) {
    std::string found;
    const auto keep = [](void* out, int, char** columns, char**) {
      *static_cast<std::string*>(out) = columns[0] == nullptr ? "" : columns[0];
      return 0;
    };
    CAPTURE(sql);
    REQUIRE(sqlite3_exec(handle_, sql.c_str(), keep, &found, nullptr) == SQLITE_OK);
    return found;
  }

  /// "kind/name" -> (owner, revision): the whole index.
  std::map<std::string, std::pair<std::string, std::uint64_t>> index() {
    std::map<std::string, std::pair<std::string, std::uint64_t>> found;
    const auto keep = [](void* out, int, char** columns, char**) {
      auto& rows = *static_cast<decltype(found)*>(out);
      rows[std::string(columns[0]) + "/" + columns[1]] = {columns[2], std::stoull(columns[3])};
      return 0;
    };
    REQUIRE(sqlite3_exec(handle_, "SELECT kind, name, owner, revision FROM resources", keep, &found,
                         nullptr) == SQLITE_OK);
    return found;
  }

 private:
  sqlite3* handle_ = nullptr;
};

/// Runs `body` in a child process; its return value is the status.
inline int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(body());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace adit::store::test
