// The examples are what people copy: each one must be what this version takes.
#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

namespace fs = std::filesystem;
using namespace adit::config;

TEST_CASE("examples: every YAML is read and validated", "[examples]") {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(ADIT_EXAMPLES)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    CAPTURE(entry.path().string());
    const std::string name = entry.path().filename().string();
    const auto read = apply_files({{name, test::read_file(entry.path())}}, {}, {}, test::facts());
    const std::string problems = read ? "" : test::lines(read.error());
    CHECK(problems.empty());
    if (read) CHECK_FALSE(read->hosts.empty());
  }
  CHECK(count >= 5);
}

TEST_CASE("examples: every folder says what it shows, in about twenty lines", "[examples]") {
  for (const auto& entry : fs::directory_iterator(ADIT_EXAMPLES)) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().string());
    CHECK(fs::exists(entry.path() / "adit.yaml"));
    const std::string readme = test::read_file(entry.path() / "README.md");
    const auto lines = std::count(readme.begin(), readme.end(), '\n');
    CHECK(lines >= 10);
    CHECK(lines <= 30);
  }
}
