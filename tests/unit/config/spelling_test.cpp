#include "controller/config/spelling.hpp"

#include "tests/support/catch.hpp"

using adit::config::did_you_mean;

TEST_CASE("spelling: the nearest word within a third of its letters", "[config]") {
  const std::vector<std::string_view> known{"target", "targets", "site", "port", "http_target"};
  CHECK(did_you_mean("targt", known) == "; did you mean \"target\"?");
  CHECK(did_you_mean("tagret", known) == "; did you mean \"target\"?");
  CHECK(did_you_mean("targetss", known) == "; did you mean \"targets\"?");
  CHECK(did_you_mean("http-target", known) == "; did you mean \"http_target\"?");
  CHECK(did_you_mean("prot", known) == "; did you mean \"port\"?");
  CHECK(did_you_mean("upstream", known).empty());
  CHECK(did_you_mean("", known).empty());
  CHECK(did_you_mean(std::string(100'000, 'a'), known).empty());
}
