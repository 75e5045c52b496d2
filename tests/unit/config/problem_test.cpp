#include "controller/config/problem.hpp"

#include "tests/support/catch.hpp"

using namespace adit::config;
using adit::Errc;

TEST_CASE("problem: as text, with as much of its place as is known", "[config]") {
  CHECK(to_string({"a.yaml", 4, 11, "hosts.a.site", "no site \"b\""}) ==
        "a.yaml:4:11: hosts.a.site: no site \"b\"");
  CHECK(to_string({"a.yaml", 0, 0, "", "too long"}) == "a.yaml: too long");
  CHECK(to_string({"", 0, 0, "hosts.a", "no host"}) == "hosts.a: no host");
  CHECK(to_string({"a.yaml", 1, 1, "", "not YAML"}) == "a.yaml:1:1: not YAML");
}

TEST_CASE("problem: sorted by place, each once", "[config]") {
  Problems problems{{"b.yaml", 1, 1, "", "x"},
                    {"a.yaml", 2, 1, "", "x"},
                    {"a.yaml", 1, 9, "", "x"},
                    {"a.yaml", 1, 9, "", "x"}};
  sort_problems(problems);
  REQUIRE(problems.size() == 3);
  CHECK(to_string(problems[0]) == "a.yaml:1:9: x");
  CHECK(to_string(problems[1]) == "a.yaml:2:1: x");
  CHECK(to_string(problems[2]) == "b.yaml:1:1: x");
}

TEST_CASE("problem: the code of several is theirs only if they agree", "[config]") {
  const Problem invalid{"", 0, 0, "", "x"};
  const Problem conflict{"", 0, 0, "", "x", Errc::Conflict};
  CHECK(code_of({}) == Errc::Invalid);
  CHECK(code_of({conflict, conflict}) == Errc::Conflict);
  CHECK(code_of({conflict, invalid}) == Errc::Invalid);
}
