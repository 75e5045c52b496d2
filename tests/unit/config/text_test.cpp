#include "controller/config/utf8.hpp"
#include "tests/support/catch.hpp"

using namespace adit::config;
using namespace std::string_view_literals;

TEST_CASE("utf8: what people write passes", "[config]") {
  for (const std::string_view right :
       {""sv, "plain\n\ttext\r\n"sv, "b\xc3\xbc"sv, "\xe2\x82\xac"sv, "\xf0\x9f\x8f\xa0"sv,
        "\xef\xbb\xbf"sv, "\xed\x9f\xbf"sv, "\xf4\x8f\xbf\xbf"sv}) {
    CAPTURE(in_quotes(right));
    CHECK_FALSE(find_bad_text(right));
  }
}

TEST_CASE("utf8: RFC 3629's forbidden sequences and control characters", "[config]") {
  for (const std::string_view wrong :
       {"\x80"sv, "\xc0\xaf"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3("sv, "\xe0\x9f\xbf"sv,
        "\xed\xa0\x80"sv, "\xe2\x82"sv, "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv,
        "\xf5\x80\x80\x80"sv, "\xff"sv, "\0"sv, "\x1b[2J"sv, "\x7f"sv}) {
    CAPTURE(in_quotes(wrong));
    CHECK(find_bad_text(wrong));
  }
}

TEST_CASE("utf8: the place of the first fault", "[config]") {
  const auto fault = find_bad_text("a: 1\nb\xc3\xbc: \xff\n");
  REQUIRE(fault);
  CHECK(fault->mark == Mark{2, 6});
  CHECK(fault->what == "byte 0xff is not UTF-8");
}

TEST_CASE("utf8: quoted texts are safe to print and short", "[config]") {
  CHECK(in_quotes("home") == "\"home\"");
  CHECK(in_quotes("\x1b[2J\xff\n"sv) == "\"\\x1b[2J\\xff\\x0a\"");
  CHECK(in_quotes(std::string(5000, 'x')) == "\"" + std::string(100, 'x') + "…\"");
}
