#include "controller/secrets/secret_file.hpp"

#include <array>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "controller/secrets/secret.hpp"
#include "controller/secrets/wipe.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/wireguard/temporary_directory.hpp"

using namespace adit;

TEST_CASE("secret_file: what is written is read back", "[secrets]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("token");
  REQUIRE(secrets::create_secret_file(path, "abc\n"));
  CHECK(*secrets::read_secret_file(path, 4) == "abc\n");
}

TEST_CASE("secret_file: a secret that exists is never replaced", "[secrets]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("token");
  REQUIRE(secrets::create_secret_file(path, "first"));
  const auto again = secrets::create_secret_file(path, "second");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::Conflict);
  CHECK(*secrets::read_secret_file(path, 100) == "first");
}

TEST_CASE("secret_file: what is not a private regular file is refused", "[secrets]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("token");
  SECTION("nothing there") {
    CHECK(secrets::read_secret_file(path, 100).error().code == Errc::NotFound);
  }
  SECTION("a symbolic link") {
    REQUIRE(secrets::create_secret_file(directory.file("real"), "abc"));
    REQUIRE(::symlink(directory.file("real").c_str(), path.c_str()) == 0);
    const auto read = secrets::read_secret_file(path, 100);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Errc::Invalid);
  }
  SECTION("a FIFO does not hang the reader") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(secrets::read_secret_file(path, 100).error().code == Errc::Invalid);
  }
  SECTION("a folder") {
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    CHECK(secrets::read_secret_file(path, 100).error().code == Errc::Invalid);
  }
  SECTION("too large") {
    REQUIRE(secrets::create_secret_file(path, "12345"));
    CHECK(secrets::read_secret_file(path, 4).error().code == Errc::Invalid);
  }
  SECTION("open to others") {
    REQUIRE(secrets::create_secret_file(path, "12345"));
    const auto mode = GENERATE(0604, 0640, 0660, 0601);
    REQUIRE(::chmod(path.c_str(), static_cast<mode_t>(mode)) == 0);
    CHECK(secrets::read_secret_file(path, 100).error().code == Errc::Denied);
  }
}

TEST_CASE("secret: what is moved from is wiped", "[secrets]") {
  secrets::Secret<std::array<char, 4>> first({'a', 'b', 'c', 'd'});
  const auto second = std::move(first);
  CHECK(second.reveal() == std::array<char, 4>{'a', 'b', 'c', 'd'});
  CHECK(first.reveal() == std::array<char, 4>{});  // NOLINT(bugprone-use-after-move): the contract
}

TEST_CASE("wipe: the buffer is zero when the scope ends", "[secrets]") {
  std::string text = "secret";
  { const secrets::WipeAtExit wiper(text); }
  CHECK(text == std::string(6, '\0'));
}
