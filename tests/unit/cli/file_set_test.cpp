#include "controller/cli/file_set.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace adit::cli;

namespace {

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

std::string error_of(const Attempt<std::vector<SourceFile>>& files) {
  return files ? "" : text_at(files.error().problem, "detail");
}

}  // namespace

TEST_CASE("file_set: a folder gives its YAML files at any depth, sorted, hidden ones not",
          "[cli]") {
  const adit::test::TempDir dir;
  for (const char* name :
       {"b.yaml", "a.yml", "sub/c.yaml", "notes.txt", ".hidden.yaml", ".git/x.yaml", "yaml"}) {
    write(dir.file(name), name);
  }
  std::istringstream input;
  const auto files = read_files({dir.path()}, input);
  REQUIRE(files);
  REQUIRE(files->size() == 3);
  CHECK((*files)[0].path == dir.file("a.yml"));
  CHECK((*files)[1].path == dir.file("b.yaml"));
  CHECK((*files)[2].path == dir.file("sub/c.yaml"));
  CHECK((*files)[2].text == "sub/c.yaml");
}

TEST_CASE("file_set: files keep the order in which they were named; - is stdin", "[cli]") {
  const adit::test::TempDir dir;
  write(dir.file("one.txt"), "1");
  std::istringstream input("sites: {}\n");
  const auto files = read_files({"-", dir.file("one.txt")}, input);
  REQUIRE(files);
  CHECK((*files)[0].path == "<stdin>");
  CHECK((*files)[0].text == "sites: {}\n");
  CHECK((*files)[1].text == "1");
}

TEST_CASE("file_set: what cannot be read is one sentence", "[cli]") {
  const adit::test::TempDir dir;
  std::istringstream input;
  CHECK_THAT(error_of(read_files({dir.path()}, input)), Catch::Contains("no *.yaml or *.yml"));
  CHECK_THAT(error_of(read_files({dir.file("missing")}, input)),
             Catch::Contains("missing: there is no such file"));
  write(dir.file("latin.yaml"),
        "# gr\xfc\xdf"
        "e");
  CHECK_THAT(error_of(read_files({dir.file("latin.yaml")}, input)), Catch::Contains("not UTF-8"));
  std::istringstream large(std::string((std::size_t{16} << 20) + 1, '#'));
  CHECK_THAT(error_of(read_files({"-"}, large)), Catch::Contains("16 MiB"));
}
