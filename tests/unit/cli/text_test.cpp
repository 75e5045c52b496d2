#include "controller/cli/text.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace adit::cli;

TEST_CASE("text: nothing that steers a terminal gets through", "[cli]") {
  struct Row {
    std::string in;
    std::string want;
  };

  const Row row = GENERATE(Row{"plain text", "plain text"}, Row{"grüße ✓ 日本", "grüße ✓ 日本"},
                           Row{"\033[2J", "\\x1b[2J"}, Row{"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
                           Row{std::string("\0", 1), "\\x00"}, Row{"\x7f", "\\x7f"},
                           Row{"\xc2\x9b"  // U+009B, an 8-bit CSI
                               "31m",
                               "\\u{9b}31m"},
                           Row{"\xe2\x80\xae"
                               "moc.elgoog",
                               "\\u{202e}moc.elgoog"},
                           Row{"\xff\xfe", "\\xff\\xfe"},
                           Row{"cut \xe2\x82", "cut \\xe2\\x82"},   // the start of a euro sign
                           Row{"\xc0\xaf", "\\xc0\\xaf"},           // an over-long '/'
                           Row{"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // a surrogate
                           Row{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"});  // beyond U+10FFFF
  CAPTURE(row.in);
  CHECK(printable(row.in) == row.want);
}

TEST_CASE("text: lines stay lines", "[cli]") {
  CHECK(printable_lines("[Interface]\n\nKey = \x1b[2J\r\nend") ==
        "[Interface]\n\nKey = \\x1b[2J\\x0d\nend");
  CHECK(printable_lines("a\n") == "a\n");
  CHECK(printable_lines("").empty());
}

TEST_CASE("text: is_utf8 takes exactly well-formed text", "[cli]") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("sites: {home: {}}  # grüße \xf0\x9f\x8f\xa0"));
  CHECK_FALSE(
      is_utf8("latin-1 gr\xfc\xdf"
              "e"));
  CHECK_FALSE(is_utf8("\xe2\x82"));
}

TEST_CASE("text: width counts columns, not bytes", "[cli]") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("grüße") == 5);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\xcc\x81") == 1);  // e and a combining acute
}

TEST_CASE("text: a cut keeps to its columns and never splits a character", "[cli]") {
  CHECK(fit("jellyfin.example.com", 10, "…") == "jellyfin.…");
  CHECK(fit("jellyfin.example.com", 10, "...") == "jellyfi...");
  CHECK(fit("fits", 4, "…") == "fits");
  CHECK(fit("日本語", 4, "…") == "日…");  // the second would need the fourth and fifth column
  CHECK(fit("abc", 1, "…") == "a");
}

TEST_CASE("text: amounts for people", "[cli]") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1000) == "1.0 kB");
  CHECK(bytes_text(999'999) == "1.0 MB");
  CHECK(bytes_text(18'446'744'073'709'551'615U) == "18.4 EB");
  CHECK(age_text(119) == "119 s");
  CHECK(age_text(120) == "2 min");
  CHECK(age_text(7200) == "2 h");
  CHECK(age_text(30 * 86'400) == "30 d");
}

TEST_CASE("text: a word for a shell", "[cli]") {
  CHECK(shell_quoted("app.example.com") == "app.example.com");
  CHECK(shell_quoted("*.lab.example.com") == "'*.lab.example.com'");
  CHECK(shell_quoted("it's") == "'it'\\''s'");
  CHECK(shell_quoted("") == "''");
}
