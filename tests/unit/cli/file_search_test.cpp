#include "controller/cli/file_search.hpp"

#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace adit::cli;
using adit::test::TempDir;

namespace {

const std::string kKey = "0123456789abcdefKEYfedcba9876543210";

std::vector<Needle> needles() {
  std::vector<Needle> all;
  all.emplace_back("the key", std::vector<std::uint8_t>(kKey.begin(), kKey.end()));
  return all;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("file_search: finds a key at every depth, and where reads meet", "[cli]") {
  const TempDir folder;
  const auto wanted = needles();
  std::filesystem::create_directories(folder.file("a/b"));
  const std::size_t offset = GENERATE(as<std::size_t>(), 0, (1U << 20) - 5, 3U << 20);
  write(folder.file("a/b/cache"), std::string(offset, 'x') + kKey);
  FileSearch search(wanted);
  REQUIRE(search.below(folder.path(), "/shown"));
  CHECK(search.result().found == "/shown/a/b/cache has the key");
  CHECK(search.result().searched_bytes == offset + kKey.size());
}

TEST_CASE("file_search: half a key in each of two files is none", "[cli]") {
  const TempDir folder;
  const auto wanted = needles();
  write(folder.file("1"), kKey.substr(0, 20));
  write(folder.file("2"), kKey.substr(20));
  FileSearch search(wanted);
  REQUIRE(search.below(folder.path(), folder.path()));
  CHECK(search.result().found.empty());
  CHECK(search.result().files == 2);
}

TEST_CASE("file_search: follows no link, opens no pipe, reads a file once", "[cli]") {
  const TempDir folder;
  const TempDir elsewhere;
  const auto wanted = needles();
  write(elsewhere.file("key"), kKey);
  std::filesystem::create_symlink(elsewhere.file("key"), folder.file("link"));
  std::filesystem::create_directory_symlink(elsewhere.path(), folder.file("folder"));
  REQUIRE(::mkfifo(folder.file("pipe").c_str(), 0600) == 0);
  write(folder.file("one"), "1");
  std::filesystem::create_hard_link(folder.file("one"), folder.file("same"));
  FileSearch search(wanted);
  REQUIRE(search.below(folder.path(), folder.path()));
  REQUIRE(search.below(folder.path(), folder.path()));
  CHECK(search.result().files == 1);
  CHECK(search.result().found.empty());
}

TEST_CASE("file_search: a file that is open is found though its name is gone", "[cli]") {
  const TempDir folder;
  const auto wanted = needles();
  write(folder.file("key"), kKey);
  const adit::UniqueFd fd(::open(folder.file("key").c_str(), O_RDONLY | O_CLOEXEC));
  std::filesystem::remove(folder.file("key"));
  FileSearch search(wanted);
  REQUIRE(search.open_files_of(getpid()));
  CHECK(search.result().found == folder.file("key") + " (deleted) has the key");
}

TEST_CASE("file_search: what is not there holds nothing, what ended is an error", "[cli]") {
  const TempDir folder;
  const auto wanted = needles();
  FileSearch search(wanted);
  CHECK(search.below(folder.file("missing"), "/missing"));
  CHECK(search.result().files == 0);
  const auto gone = search.open_files_of(0x7ffffff0);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == adit::Errc::NotFound);
}

TEST_CASE("file_search: what is too long is not searched whole", "[cli]") {
  const TempDir folder;
  const auto wanted = needles();
  write(folder.file("log"), "");
  std::filesystem::resize_file(folder.file("log"), std::uintmax_t{1200} << 20);  // sparse
  FileSearch search(wanted);
  REQUIRE(search.below(folder.path(), "/s"));
  CHECK(search.result().unread == "/s/log: it is too long");
}
