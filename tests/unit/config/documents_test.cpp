// The folders valid/ (YAML and the state it means, as JSON) and invalid/ (YAML and its messages).
#include <vector>

#include "controller/config/resource_json.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

namespace fs = std::filesystem;
using namespace adit::config;

namespace {

std::vector<fs::path> yaml_files(const char* folder) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(fs::path(ADIT_TEST_DATA) / folder)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  }
  return out;
}

Checked<Resources> apply_file(const fs::path& path) {
  return apply_files({{path.filename().string(), test::read_file(path)}}, {}, {}, test::facts());
}

fs::path beside(fs::path path, const char* extension) {
  return path.replace_extension(extension);
}

}  // namespace

TEST_CASE("yaml: every valid document means what stands beside it", "[config]") {
  const auto files = yaml_files("valid");
  CHECK(files.size() >= 13);
  for (const fs::path& path : files) {
    CAPTURE(path.filename().string());
    const auto read = apply_file(path);
    const std::string problems = read ? "" : test::lines(read.error());
    REQUIRE(problems.empty());
    CHECK(to_json(*read).dump(2) + "\n" == test::read_file(beside(path, ".json")));
  }
}

TEST_CASE("yaml: every invalid document is refused with the messages beside it", "[config]") {
  const auto files = yaml_files("invalid");
  CHECK(files.size() >= 35);
  for (const fs::path& path : files) {
    CAPTURE(path.filename().string());
    const auto read = apply_file(path);
    REQUIRE_FALSE(read);
    CHECK(test::lines(read.error()) == test::read_file(beside(path, ".txt")));
  }
}

TEST_CASE("yaml: the text of a document cut anywhere is read without harm", "[config]") {
  for (const char* folder : {"valid", "invalid"}) {
    for (const fs::path& path : yaml_files(folder)) {
      const std::string text = test::read_file(path);
      // The bomb is bounded, but at its bound every cut costs tens of milliseconds.
      if (text.size() > 1000 || path.stem() == "alias_bomb") continue;
      CAPTURE(path.filename().string());
      for (std::size_t size = 0; size < text.size(); ++size) {
        const auto read = read_yaml({{"cut.yaml", text.substr(0, size)}});
        if (read) continue;
        for (const Problem& problem : read.error()) {
          if (problem.what.empty()) FAIL("a problem without words at " << size);
        }
      }
    }
  }
}
