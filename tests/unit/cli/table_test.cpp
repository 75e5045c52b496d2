#include "controller/cli/table.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

Table hosts() {
  Table table({{"NAME"}, {"PORT", true}, {"STATE"}});
  table.add({{"app.example.com"}, {"443"}, {"ok", Style::Good}});
  table.add({{"grüße.example.com"}, {"8443"}, {""}});
  return table;
}

}  // namespace

TEST_CASE("table: columns align, numbers to the right, nothing trails", "[cli]") {
  CHECK(hosts().render(Terminal{}) ==
        "NAME               PORT  STATE\n"
        "app.example.com     443  ok\n"
        "grüße.example.com  8443  -\n");
}

TEST_CASE("table: a narrow terminal cuts the widest column only", "[cli]") {
  CHECK(hosts().render(Terminal{.has_utf8 = true, .width = 22}) ==
        "NAME       PORT  STATE\n"
        "app.exam…   443  ok\n"
        "grüße.ex…  8443  -\n");
}

TEST_CASE("table: a terminal too narrow for anything still shows every column", "[cli]") {
  CHECK(hosts().render(Terminal{.width = 3}) ==
        "NAME    PORT  STATE\n"
        "app...   443  ok\n"
        "grü...  8443  -\n");
}

TEST_CASE("table: colour does not move the columns", "[cli]") {
  const std::string text = hosts().render(Terminal{.has_color = true});
  CHECK(text.find("\033[1mNAME\033[0m               \033[1mPORT\033[0m") == 0);
  CHECK(text.find("app.example.com     443  \033[32mok\033[0m\n") != std::string::npos);
}

TEST_CASE("table: control characters in a cell do not reach the terminal", "[cli]") {
  Table table({{"NAME"}, {"NEXT"}});
  table.add({{"a\033[2Jb\n"}, {"x"}});
  CHECK(table.render(Terminal{}) == "NAME           NEXT\na\\x1b[2Jb\\x0a  x\n");
}
