#include "controller/cli/man_page.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

PageText page_text() {
  PageText text;
  text.name = "tool";
  text.section = 8;
  text.summary = "does things";
  text.date = "2026-01-31";
  text.version = "1.2.3";
  text.see_also = {"other(1)"};
  return text;
}

}  // namespace

TEST_CASE("man_page: nothing in a text is taken for markup", "[cli]") {
  CHECK(roff_text("plain words") == "plain words");
  CHECK(roff_text("a-b") == "a\\-b");
  CHECK(roff_text(".TH is no request") == "\\&.TH is no request");
  CHECK(roff_text("'ne 3") == "\\(aqne 3");
  CHECK(roff_text("C:\\new") == "C:\\enew");
  CHECK(roff_text("~ and ^") == "\\(ti and \\(ha");
  CHECK(roff_text("run `adit status` now") == "run \\fBadit status\\fR now");
  CHECK(roff_text("one ` only") == "one \\(ga only");
  CHECK(roff_text("").empty());
}

TEST_CASE("man_page: every command has its section, with its arguments and example", "[cli]") {
  const auto nodes = command_nodes();
  const std::string page = command_page(page_text(), nodes);
  for (const Command& command : command_table()) {
    CAPTURE(command.path);
    CHECK(has(page, "\n.SS tool " + roff_text(command.path) + "\n"));
    CHECK(has(page, roff_text(command.summary)));
  }
  for (const CommandNode& node : nodes) {
    CAPTURE(node.path);
    for (const auto& option : node.options) {
      CHECK_FALSE(option.description.empty());
      if (option.names.back() != "--help") CHECK(has(page, roff_text(option.description)));
    }
    for (const auto& positional : node.positionals) {
      CHECK(has(page, "\\fI" + roff_text(positional.name) + "\\fR"));
      CHECK_FALSE(positional.description.empty());
    }
  }
  CHECK(has(
      page,
      "\\fBtool host add\\fR \\fB\\-\\-site\\fR \\fISITE\\fR [\\fIoption\\fR ...] \\fINAME\\fR"));
}

TEST_CASE("man_page: the head and the tail are the page's own", "[cli]") {
  const std::string page = command_page(page_text(), command_nodes());
  CHECK(has(page,
            ".TH TOOL 8 2026-01-31 \"adit 1.2.3\" \"adit manual\"\n"
            ".SH NAME\ntool \\- does things\n"));
  CHECK(has(page, ".SH SEE ALSO\n.BR other (1)\n"));
}

TEST_CASE("man_page: of a help text", "[cli]") {
  const std::string page = help_page(page_text(),
                                     "usage: tool [--folder DIR]\n"
                                     "            [--now]\n"
                                     "\n"
                                     "First paragraph,\nin two lines.\n"
                                     "\n"
                                     "  --folder DIR   where it is; a text\n"
                                     "                 that goes on\n"
                                     "  --now          at once\n"
                                     "\n"
                                     "Last paragraph.\n");
  CHECK(has(page, ".SH SYNOPSIS\n\\fBtool\\fR [\\-\\-folder DIR] [\\-\\-now]\n"));
  CHECK(has(page, ".SH DESCRIPTION\nFirst paragraph, in two lines.\n.PP\nLast paragraph.\n"));
  CHECK(has(page, ".TP\n\\fB\\-\\-folder\\fR \\fIDIR\\fR\nwhere it is; a text that goes on.\n"));
  CHECK(has(page, ".TP\n\\fB\\-\\-now\\fR\nat once.\n"));
}
