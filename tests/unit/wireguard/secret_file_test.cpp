#include "controller/secrets/secret_file.hpp"

#include <array>
#include <cstdlib>
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

TEST_CASE("secret_file: a named secret lies below its folder, and nowhere else", "[secrets]") {
  const test::TemporaryDirectory directory;
  const std::string folder = directory.file("secrets");
  REQUIRE(::mkdir(folder.c_str(), 0750) == 0);
  REQUIRE(::mkdir((folder + "/dns").c_str(), 0750) == 0);
  REQUIRE(secrets::create_secret_file(folder + "/dns/token", "abc"));
  REQUIRE(secrets::create_secret_file(directory.file("outside"), "abc"));
  const auto code_of = [&](const std::string& path) {
    const auto read = secrets::read_named_secret(path, 100, {folder});
    return read ? std::string("read") : std::string(to_string(read.error().code));
  };
  CHECK(*secrets::read_named_secret(folder + "/dns/token", 100, {"/nowhere", folder}) == "abc");
  CHECK(code_of(directory.file("outside")) == "invalid");
  CHECK(code_of(folder + "/../outside") == "invalid");
  CHECK(code_of(folder + "/dns/../dns/token") == "invalid");
  CHECK(code_of(folder + "2/token") == "invalid");
  CHECK(code_of(folder) == "invalid");
  CHECK(code_of(folder + "/") == "invalid");
  CHECK(code_of(folder + "/dns") == "invalid");  // a folder
  CHECK(code_of(folder + "/none") == "not_found");
  REQUIRE(::symlink("dns/token", (folder + "/link").c_str()) == 0);
  CHECK(code_of(folder + "/link") == "invalid");
  REQUIRE(::symlink(directory.file("").c_str(), (folder + "/away").c_str()) == 0);
  CHECK(code_of(folder + "/away/outside") == "invalid");
  REQUIRE(::mkfifo((folder + "/fifo").c_str(), 0600) == 0);
  CHECK(code_of(folder + "/fifo") == "invalid");
  CHECK(secrets::read_named_secret(folder + "/dns/token", 2, {folder}).error().code ==
        Errc::Invalid);
}

TEST_CASE("secret_file: a named secret is open to this process's group at most", "[secrets]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("token");
  REQUIRE(secrets::create_secret_file(path, "abc"));
  REQUIRE(::chown(path.c_str(), static_cast<uid_t>(-1), ::getegid()) == 0);
  const auto is_read = [&](mode_t mode) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const auto read = secrets::read_named_secret(path, 100, {path.substr(0, path.rfind('/'))});
    if (!read) CHECK(read.error().what.find("chmod 640") != std::string::npos);
    return read.has_value();
  };
  CHECK(is_read(0640));
  CHECK(is_read(0440));
  CHECK(is_read(0600));
  CHECK_FALSE(is_read(0660));
  CHECK_FALSE(is_read(0644));
  CHECK_FALSE(is_read(0641));
  if (::geteuid() != 0) return;  // only root may give files away
  REQUIRE(::chown(path.c_str(), 0, 4242) == 0);
  CHECK_FALSE(is_read(0640));
  CHECK(is_read(0600));
  REQUIRE(::chown(path.c_str(), 4242, 0) == 0);
  CHECK_FALSE(is_read(0600));
}

TEST_CASE("secret_file: the folders for secrets", "[secrets]") {
  ::unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(secrets::secret_folders() == std::vector<std::string>{"/etc/adit/secrets"});
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/adit-controller.service", 1);
  CHECK(secrets::secret_folders() ==
        std::vector<std::string>{"/etc/adit/secrets", "/run/credentials/adit-controller.service"});
  ::unsetenv("CREDENTIALS_DIRECTORY");
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
