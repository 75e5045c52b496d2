#include "controller/cli/man_page.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace adit::cli {

namespace {

/// roff_char(7): what a terminal or a page would else show as another character, or take for
/// markup.
std::string_view escaped(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return {};
  }
}

/// Without the meaning of backquotes.
std::string verbatim(std::string_view text) {
  std::string out;
  if (text.starts_with('.')) out = "\\&";  // else a request
  for (const char c : text) {
    const std::string_view escape = c == '`' ? "\\(ga" : escaped(c);
    out += escape.empty() ? std::string_view(&c, 1) : escape;
  }
  return out;
}

std::string bold(std::string_view text) {
  return fmt::format("\\fB{}\\fR", verbatim(text));
}

std::string italic(std::string_view text) {
  return fmt::format("\\fI{}\\fR", verbatim(text));
}

/// A sentence of its own: the help texts have no dot.
std::string sentence(std::string_view text) {
  const bool is_ended = text.empty() || text.ends_with('.');
  return roff_text(text) + (is_ended ? "" : ".");
}

/// `.TP`: a term, and its text indented below.
std::string entry(std::string_view term, std::string_view text) {
  return fmt::format(".TP\n{}\n{}\n", term, text);
}

std::string head(const PageText& text) {
  std::string title = text.name;
  std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
  return fmt::format(
      ".\\\" Made from the program's own help when adit is built.\n"
      ".TH {} {} {} \"adit {}\" \"adit manual\"\n.SH NAME\n{} \\- {}\n",
      verbatim(title), text.section, text.date, text.version, verbatim(text.name),
      roff_text(text.summary));
}

/// From DESCRIPTION's own paragraphs on; `.SH` and `.PP` never follow each other.
std::string paragraphs(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += fmt::format("{}{}\n", out.empty() ? "" : ".PP\n", roff_text(text));
  }
  return out;
}

std::string entries(std::string_view title,
                    const std::vector<std::pair<std::string, std::string>>& list) {
  if (list.empty()) return {};
  std::string out = fmt::format(".SH {}\n", title);
  for (const auto& [term, text] : list) out += entry(bold(term), sentence(text));
  return out;
}

std::string tail(const PageText& text) {
  std::string out = entries("EXIT STATUS", text.statuses) + entries("FILES", text.files);
  if (text.see_also.empty()) return out;
  out += ".SH SEE ALSO\n";
  for (const std::string& page : text.see_also) {
    const std::size_t open = page.find('(');
    out += fmt::format(".BR {} {}{}\n", verbatim(page.substr(0, open)), page.substr(open),
                       &page == &text.see_also.back() ? "" : " ,");
  }
  return out;
}

std::string option_entry(const CommandNode::Option& option) {
  std::string term;
  for (const std::string& name : option.names) term += (term.empty() ? "" : ", ") + bold(name);
  if (!option.value.empty()) term += " " + italic(option.value);
  std::string text = sentence(option.description);
  if (option.is_required) text += " Required.";
  if (!option.default_value.empty()) text += " Default: " + bold(option.default_value) + ".";
  return entry(term, text);
}

std::string synopsis(const std::string& program, const CommandNode& node) {
  std::string line = bold(program + " " + node.path);
  for (const auto& option : node.options) {
    if (option.is_required) line += " " + bold(option.names.back()) + " " + italic(option.value);
  }
  const bool has_more = std::ranges::any_of(node.options, [](const auto& option) {
    return !option.is_required && option.names.back() != "--help";
  });
  if (has_more) line += " [" + italic("option") + " ...]";
  for (const auto& positional : node.positionals) {
    line += positional.is_required ? " " + italic(positional.name)
                                   : " [" + italic(positional.name) + "]";
  }
  return line;
}

std::string command_section(const std::string& program, const CommandNode& node) {
  std::string out = fmt::format(".SS {}\n{}\n.PP\n{}\n", verbatim(program + " " + node.path),
                                synopsis(program, node), sentence(node.summary));
  for (const auto& positional : node.positionals) {
    out += entry(italic(positional.name), sentence(positional.description));
  }
  for (const auto& option : node.options) {
    if (option.names.back() != "--help") out += option_entry(option);
  }
  return out + fmt::format(".PP\nExample:\n.PP\n.EX\n    {}\n.EE\n", verbatim(node.example));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// Texts that an empty line ends.
std::vector<std::vector<std::string_view>> blocks_of(std::string_view text) {
  std::vector<std::vector<std::string_view>> blocks(1);
  for (const std::string_view line : lines_of(text)) {
    if (!trimmed(line).empty()) {
      blocks.back().push_back(line);
    } else if (!blocks.back().empty()) {
      blocks.emplace_back();
    }
  }
  if (blocks.back().empty()) blocks.pop_back();
  return blocks;
}

/// "  --control PATH   text": the words that are options bold, their values in italics.
std::string help_term(std::string_view term) {
  std::string out;
  while (!term.empty()) {
    const std::size_t end = std::min(term.find(' '), term.size());
    const std::string_view word = term.substr(0, end);
    out += (out.empty() ? "" : " ") + (word.starts_with('-') ? bold(word) : italic(word));
    term = trimmed(term.substr(end));
  }
  return out;
}

std::string help_options(const std::vector<std::string_view>& lines) {
  std::vector<std::pair<std::string, std::string>> options;
  for (const std::string_view line : lines) {
    const std::string_view text = trimmed(line);
    const std::size_t gap = text.find("  ");
    if (text.starts_with('-')) {
      const bool has_text = gap != std::string_view::npos;
      options.emplace_back(help_term(text.substr(0, gap)),
                           has_text ? trimmed(text.substr(gap)) : std::string_view());
    } else if (!options.empty()) {
      std::string& description = options.back().second;
      description += (description.empty() ? "" : " ") + std::string(text);
    }
  }
  std::string out;
  for (const auto& [term, text] : options) out += entry(term, sentence(text));
  return out;
}

std::string joined(const std::vector<std::string_view>& lines) {
  std::string out;
  for (const std::string_view line : lines) {
    out += (out.empty() ? "" : " ") + std::string(trimmed(line));
  }
  return out;
}

}  // namespace

std::string roff_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('`');
    const std::size_t close = open == std::string_view::npos ? open : text.find('`', open + 1);
    if (close == std::string_view::npos) return out + verbatim(text);
    if (open > 0) out += verbatim(text.substr(0, open));
    out += bold(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string command_page(const PageText& text, const std::vector<CommandNode>& nodes) {
  std::string out = head(text);
  out += fmt::format(".SH SYNOPSIS\n{} [{} ...] {} [{} ...]\n", bold(text.name), italic("option"),
                     italic("command"), italic("argument"));
  out += ".SH DESCRIPTION\n" + paragraphs(text.description);
  out += ".SH OPTIONS\nThese may stand before or behind every command.\n";
  for (const auto& option : nodes.front().options) out += option_entry(option);
  out += ".SH COMMANDS\n";
  for (const CommandNode& node : nodes) {
    if (!node.example.empty()) out += command_section(text.name, node);
  }
  return out + tail(text);
}

std::string help_page(const PageText& text, std::string_view help) {
  std::string usage;
  std::string description;
  std::string options;
  for (const auto& block : blocks_of(help)) {
    if (block.front().starts_with("usage: ")) {
      usage = joined(block).substr(std::string_view("usage: ").size());
    } else if (block.front().starts_with("  -")) {
      options += help_options(block);
    } else {
      description +=
          fmt::format("{}{}\n", description.empty() ? "" : ".PP\n", roff_text(joined(block)));
    }
  }
  const std::size_t blank = std::min(usage.find(' '), usage.size());
  std::string out = head(text);
  out += fmt::format(".SH SYNOPSIS\n{}{}\n", bold(usage.substr(0, blank)),
                     verbatim(usage.substr(blank)));
  out += ".SH DESCRIPTION\n" + description;
  if (!text.description.empty()) out += ".PP\n" + paragraphs(text.description);
  return out + ".SH OPTIONS\n" + options + tail(text);
}

}  // namespace adit::cli
