#include "common/os/files.hpp"

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace adit::os {
namespace {

using test::Bytes;
using test::bytes_of;
using test::TempDir;

mode_t mode_of(const std::string& path) {
  struct stat info {};

  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

TEST_CASE("files: what is written is read", "[common]") {
  const TempDir dir;
  const Bytes content(200'000, 0x5a);
  REQUIRE(write_file_atomically(dir.file("a"), content, 0640));
  const auto read = read_file(dir.file("a"), content.size());
  REQUIRE(read);
  CHECK(*read == content);
  CHECK(mode_of(dir.file("a")) == 0640);
}

TEST_CASE("files: writing replaces the whole file and its mode, and leaves nothing else",
          "[common]") {
  const TempDir dir;
  REQUIRE(write_file_atomically(dir.file("a"), bytes_of("a long first content"), 0644));
  REQUIRE(write_file_atomically(dir.file("a"), bytes_of("short"), 0600));
  CHECK(*read_file(dir.file("a"), 100) == bytes_of("short"));
  CHECK(mode_of(dir.file("a")) == 0600);
  const auto entries = std::filesystem::directory_iterator(dir.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}

TEST_CASE("files: a write that fails leaves the old file and no temporary", "[common]") {
  const TempDir dir;
  std::filesystem::create_directories(dir.file("a/inner"));  // rename(2) onto it fails
  const auto written = write_file_atomically(dir.file("a"), bytes_of("x"), 0600);
  REQUIRE_FALSE(written);
  CHECK(std::filesystem::is_directory(dir.file("a/inner")));
  CHECK_FALSE(std::filesystem::exists(dir.file("a.new")));
}

TEST_CASE("files: a symbolic link in the temporary's place is not followed", "[common]") {
  const TempDir dir;
  REQUIRE(write_file_atomically(dir.file("victim"), bytes_of("keep"), 0600));
  std::filesystem::create_symlink(dir.file("victim"), dir.file("a.new"));
  CHECK_FALSE(write_file_atomically(dir.file("a"), bytes_of("x"), 0600));
  CHECK(*read_file(dir.file("victim"), 100) == bytes_of("keep"));
}

TEST_CASE("files: a missing file is NotFound, one over the limit Invalid", "[common]") {
  const TempDir dir;
  const auto missing = read_file(dir.file("none"), 10);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::NotFound);
  REQUIRE(write_file_atomically(dir.file("a"), bytes_of("12345678901"), 0600));
  const auto large = read_file(dir.file("a"), 10);
  REQUIRE_FALSE(large);
  CHECK(large.error().code == Errc::Invalid);
  CHECK(read_file(dir.file("a"), 11)->size() == 11);
}

TEST_CASE("files: folders are made with their parents, and again without complaint", "[common]") {
  const TempDir dir;
  REQUIRE(make_directories(dir.file("x/y/z"), 0700));
  CHECK(mode_of(dir.file("x/y/z")) == 0700);
  CHECK(make_directories(dir.file("x/y/z"), 0700));
  REQUIRE(write_file_atomically(dir.file("file"), bytes_of("x"), 0600));
  CHECK_FALSE(make_directories(dir.file("file/below"), 0700));
}

TEST_CASE("files: a folder is locked once, and free again with its descriptor", "[common]") {
  const TempDir dir;
  auto first = lock_directory(dir.path());
  REQUIRE(first);
  const auto second = lock_directory(dir.path());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::Conflict);
  CHECK(second.error().what.find(std::to_string(::getpid())) != std::string::npos);
  first->reset();
  CHECK(lock_directory(dir.path()));
}

TEST_CASE("files: write_all writes everything, and says why it cannot", "[common]") {
  const TempDir dir;
  const UniqueFd file(::open(dir.file("a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(file.is_open());
  const Bytes content(3'000'000, 7);
  REQUIRE(write_all(file.get(), content));
  CHECK(read_file(dir.file("a"), content.size())->size() == content.size());
  const UniqueFd reader(::open(dir.file("a").c_str(), O_RDONLY | O_CLOEXEC));
  const auto refused = write_all(reader.get(), content);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().sys_errno == EBADF);
}

}  // namespace
}  // namespace adit::os
