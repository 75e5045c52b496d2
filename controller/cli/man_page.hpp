// Manual pages, made from what the programs say about themselves: adit(1) from the table of
// commands, those of the daemons from their help texts. PURE.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/cli/arguments.hpp"

namespace adit::cli {

/// What stands on a page besides the commands and options.
struct PageText {
  std::string name;                                           ///< "adit-relay"
  int section = 1;                                            ///< of the manual
  std::string summary;                                        ///< one line, no dot
  std::string date;                                           ///< of the page, "2026-01-31"
  std::string version;                                        ///< of adit
  std::vector<std::string> description;                       ///< paragraphs
  std::vector<std::pair<std::string, std::string>> files;     ///< path, what it is
  std::vector<std::pair<std::string, std::string>> statuses;  ///< exit status, what it means
  std::vector<std::string> see_also;                          ///< "adit(1)"
};

/// `text` as roff (man(7)): nothing in it is taken for markup, and what stands between backquotes
/// becomes bold.
std::string roff_text(std::string_view text);

/// The page of a program with commands; `nodes` of command_nodes(), the root first.
std::string command_page(const PageText& text, const std::vector<CommandNode>& nodes);

/// The page of a program that has options only, from its --help: "usage: …" up to an empty line,
/// then paragraphs and blocks of options ("  --name VALUE   what it is", longer texts go on in
/// lines that begin with more blanks).
std::string help_page(const PageText& text, std::string_view help);

}  // namespace adit::cli
