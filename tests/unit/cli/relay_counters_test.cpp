#include "controller/cli/relay_counters.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

TEST_CASE("relay_counters: what was relayed is what the counters have grown by", "[cli]") {
  CHECK(relayed_between({10, 20, 3, 0}, {527, 2068, 4, 0}, 1) == Relayed{517, 2048, 1, 0});
  CHECK(relayed_between({10, 20, 3, 2}, {527, 2068, 6, 4}, 1) == Relayed{517, 2048, 3, 4});
  // A data process that was started anew counts from 0.
  CHECK(relayed_between({1000, 2000, 3, 0}, {517, 1048, 1, 0}, 1) == Relayed{517, 1048, 1, 0});
  CHECK(relayed_between({10, 20, 3, 0}, {0, 0, 0, 0}, 1) == Relayed{0, 0, 0, 0});
}

TEST_CASE("relay_counters: all of our connections must be there, with bytes both ways", "[cli]") {
  struct Row {
    Relayed relayed;
    std::uint64_t ours;
    CheckState want;
    const char* part;
  };

  const Row row =
      GENERATE(Row{{517, 2048, 1, 0}, 1, CheckState::Passed, "517 B to home, 2.0 kB to the client"},
               Row{{517, 2048, 2, 0}, 2, CheckState::Passed, "517 B to home"},
               Row{{517, 2048, 3, 2},
                   1,
                   CheckState::Passed,
                   "in which 2 connections of other visitors are counted as well"},
               Row{{517, 2048, 1, 1}, 1, CheckState::Passed, "1 connection of other visitors"},
               Row{{517, 2048, 0, 1}, 1, CheckState::Failed, "we made 1 connection, and 0 came"},
               Row{{517, 2048, 1, 0}, 2, CheckState::Failed, "we made 2 connections, and 1 came"},
               Row{{517, 0, 1, 0}, 1, CheckState::Failed, "0 B to the client"},
               Row{{0, 2048, 1, 0}, 1, CheckState::Failed, "0 B to home"});
  const Check check = relayed_check(row.relayed, row.ours);
  CAPTURE(check.detail);
  CHECK(check.name == "bytes_relayed");
  CHECK(check.state == row.want);
  CHECK_THAT(check.detail, Catch::Contains(row.part));
}
