#include "common/os/unix_socket.hpp"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "common/os/files.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace adit::os {
namespace {

using test::bytes_of;
using test::TempDir;

std::string what_of(const Result<UniqueFd>& result) {
  return result ? std::string() : result.error().what;
}

/// A socket file whose process is gone.
void leave_behind(const std::string& path) {
  REQUIRE(listen_unix(path, 0600));
}

bool is_there(const std::string& path) {
  return std::filesystem::exists(std::filesystem::symlink_status(path));
}

/// While it lives we are somebody for whom file modes count.
class AsNobody {
 public:
  AsNobody() { REQUIRE((::geteuid() != 0 || ::seteuid(65534) == 0)); }

  ~AsNobody() {
    if (::getuid() == 0) CHECK(::seteuid(0) == 0);
  }

  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
};

TEST_CASE("unix_socket: it listens with its mode, in the place of a dead process's", "[common]") {
  const TempDir dir;
  const std::string path = dir.file("a.sock");
  leave_behind(path);
  const auto listener = listen_unix(path, 0620);
  CHECK(what_of(listener) == "");
  CHECK(connect_unix(path));

  struct stat info {};

  REQUIRE(::lstat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0620);
}

TEST_CASE("unix_socket: what is no socket is not removed", "[common]") {
  const TempDir dir;
  const std::string file = dir.file("controller.yaml");
  REQUIRE(write_file_atomically(file, bytes_of("keep"), 0600));
  CHECK(what_of(listen_unix(file, 0600)) == file + " is there already and is no socket");
  CHECK(*read_file(file, 10) == bytes_of("keep"));
  leave_behind(dir.file("dead.sock"));
  std::filesystem::create_symlink(dir.file("dead.sock"), dir.file("link"));
  CHECK_FALSE(listen_unix(dir.file("link"), 0600));
  CHECK(is_there(dir.file("link")));
  std::filesystem::create_directory(dir.file("folder"));
  CHECK_FALSE(listen_unix(dir.file("folder"), 0600));
}

TEST_CASE("unix_socket: one that is served is left alone, even when its queue is full",
          "[common]") {
  const TempDir dir;
  const std::string path = dir.file("a.sock");
  const UniqueFd alive = listen_unix(path, 0600).value();
  const auto second = listen_unix(path, 0600);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::Conflict);
  std::vector<UniqueFd> waiting;
  auto one = connect_unix(path, /*nonblocking=*/true);
  for (; one; one = connect_unix(path, /*nonblocking=*/true)) waiting.push_back(std::move(*one));
  REQUIRE(one.error().sys_errno == EAGAIN);
  CHECK(what_of(listen_unix(path, 0600)) == path + " is already served by another process");
  CHECK(is_there(path));
}

TEST_CASE("unix_socket: one that we may not ask is not taken for dead", "[common]") {
  const TempDir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
  const std::string path = dir.file("a.sock");
  const UniqueFd alive = listen_unix(path, 0000).value();
  std::optional<Result<UniqueFd>> refused;
  {
    const AsNobody nobody;
    refused = listen_unix(path, 0600);
  }
  REQUIRE_FALSE(*refused);
  CHECK(refused->error().sys_errno == EACCES);
  CHECK(is_there(path));
}

TEST_CASE("unix_socket: at the end only the own file is removed", "[common]") {
  const TempDir dir;
  const std::string path = dir.file("a.sock");
  const UniqueFd first = listen_unix(path, 0600).value();
  const SocketFile file = SocketFile::at(path);
  REQUIRE(::unlink(path.c_str()) == 0);
  const UniqueFd second = listen_unix(path, 0600).value();
  file.remove();
  CHECK(is_there(path));
  SocketFile::at(path).remove();
  CHECK_FALSE(is_there(path));

  REQUIRE(write_file_atomically(path, bytes_of("a file by now"), 0600));
  file.remove();
  SocketFile::at(path).remove();
  SocketFile().remove();
  CHECK(is_there(path));
}

}  // namespace
}  // namespace adit::os
