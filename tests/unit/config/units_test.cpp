#include "controller/config/units.hpp"

#include "tests/support/catch.hpp"

using namespace adit::config;
using adit::Milliseconds;

TEST_CASE("units: durations", "[config]") {
  struct Case {
    const char* text;
    std::int64_t milliseconds;
  };

  for (const Case& c : {Case{"0s", 0}, Case{"500ms", 500}, Case{"25s", 25'000}, Case{"5m", 300'000},
                        Case{"1h", 3'600'000}, Case{"1h30m", 5'400'000}, Case{"1h1ms", 3'600'001},
                        Case{"90s", 90'000}, Case{"007s", 7'000}}) {
    CAPTURE(c.text);
    CHECK(parse_duration(c.text) == Milliseconds(c.milliseconds));
  }
  for (const char* wrong :
       {"", "s", "5", "0", "-5s", "+5s", "5 s", "5s ", "5S", "5d", "1.5h", "1m1h", "1s1s", "5ms1s",
        "99999999999999999999s", "18446744073709551615h", "87841h"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
}

TEST_CASE("units: a duration's text is read back as the same duration", "[config]") {
  for (const std::int64_t ms :
       {0L, 1L, 999L, 1'000L, 1'500L, 60'000L, 90'000L, 3'600'000L, 86'400'000L, 5'400'000L}) {
    CAPTURE(ms);
    CHECK(parse_duration(format_duration(Milliseconds(ms))) == Milliseconds(ms));
  }
  CHECK(format_duration(Milliseconds(90'000)) == "90s");
  CHECK(format_duration(Milliseconds(3'600'000)) == "1h");
}

TEST_CASE("units: counts, rates and bandwidths", "[config]") {
  CHECK(parse_count("1", 1, 5) == 1U);
  CHECK(parse_count("5", 1, 5) == 5U);
  for (const char* wrong : {"", "0", "6", "-1", "+1", "1 ", " 1", "01", "1e0", "4294967297"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_count(wrong, 1, 5));
  }
  CHECK(parse_rate("100/s") == 100U);
  for (const char* wrong : {"", "100", "/s", "0/s", "1/m", "1 /s"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_rate(wrong));
  }
  CHECK(parse_bandwidth("50Mbit") == 50'000'000U);
  for (const char* text : {"1bit", "8kbit", "1500kbit", "50Mbit", "2Gbit", "12345bit"}) {
    CHECK(format_bandwidth(parse_bandwidth(text).value()) == text);
  }
  CHECK(parse_bandwidth("1bit") == 1U);
  CHECK(parse_bandwidth("2Gbit") == 2'000'000'000U);
  for (const char* wrong : {"", "50", "Mbit", "50MB", "0kbit", "50 Mbit", "9999999999999999Gbit"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_bandwidth(wrong));
  }
}
