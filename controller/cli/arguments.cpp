#include "controller/cli/arguments.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/version.hpp"
#include "controller/cli/spelling.hpp"

namespace adit::cli {

namespace {

const std::map<std::string, Format> kFormats = {{"table", Format::Table},
                                                {"wide", Format::Wide},
                                                {"json", Format::JsonText},
                                                {"yaml", Format::YamlText},
                                                {"name", Format::Name}};
const std::map<std::string, ColorMode> kColors = {
    {"auto", ColorMode::Auto}, {"always", ColorMode::Always}, {"never", ColorMode::Never}};

/// Words of later versions: better named as such than taken for a typing error.
constexpr std::array<std::string_view, 13> kLater = {
    "device", "devices", "port",   "ports",   "records", "connections", "doctor",
    "dns",    "export",  "backup", "restore", "import",  "ping"};

/// Options of later versions: nothing depends on them yet.
struct LaterOption {
  std::string_view command;
  std::string_view option;

  bool operator==(const LaterOption&) const = default;
};

constexpr std::array<LaterOption, 1> kLaterOptions = {{{"adit route test", "--from"}}};

/// The parser with everything that its parsed values and actions live in.
struct Parser {
  CLI::App app{"Public host names for homes behind CGNAT, with TLS ending at home", "adit"};
  GlobalOptions options;
  std::string format = "table";
  std::string color = "auto";
  std::vector<std::pair<CLI::App*, Invocation>> leaves;
};

std::string footer_of(const Command& command) {
  return fmt::format(
      "Example:\n  {}\n\nEvery command also takes --socket, -o and --color; see "
      "adit --help.",
      command.example);
}

/// The App for the group of `command`, made where it is missing; its example is then the group's.
CLI::App* group_for(CLI::App& root, const Command& command) {
  const std::string path = command.path;
  const std::size_t blank = path.find(' ');
  if (blank == std::string::npos) return &root;
  const std::string name = path.substr(0, blank);
  for (CLI::App* known : root.get_subcommands({})) {
    if (known->get_name() == name) return known;
  }
  CLI::App* group = root.add_subcommand(name, group_summary(name));
  group->require_subcommand(0, 1);
  group->fallthrough();
  group->footer(footer_of(command));
  return group;
}

void add_command(Parser& parser, const Command& command) {
  const std::string path = command.path;
  CLI::App* group = group_for(parser.app, command);
  CLI::App* app = group->add_subcommand(path.substr(path.rfind(' ') + 1), command.summary);
  app->fallthrough();  // --socket, -o and --color may stand behind the command
  app->footer(footer_of(command));
  Invocation invocation;
  invocation.command = &command;
  invocation.action = command.declare(*app);
  for (CLI::Option* option : app->get_options()) {
    if (option->get_positional()) option->type_name("");  // its name says it already
  }
  parser.leaves.emplace_back(app, std::move(invocation));
}

void declare(Parser& parser, const std::string& default_socket) {
  CLI::App& app = parser.app;
  parser.options.socket = default_socket;
  app.require_subcommand(0, 1);  // "none" is reported by usage_fault, with what would be right
  app.set_version_flag("-V,--version", fmt::format("adit {}", kVersion));
  app.add_option("--socket", parser.options.socket, "The controller's control socket (ADIT_SOCKET)")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option("-o,--output", parser.format, "How to print the result")
      ->type_name("table|wide|json|yaml|name");
  app.add_option("--color", parser.color, "Colour; NO_COLOR turns `auto` off")
      ->type_name("auto|always|never");
  app.footer(
      "Example:\n  adit host add app.example.com --site home\n\nExit status: 0 done, 1 refused or "
      "failed, 2 wrong usage, 3 committed but a step keeps failing.");
  for (const Command& command : command_table()) add_command(parser, command);
}

/// The command that was picked, as deep as it was spelled; the root if none was.
CLI::App* deepest(CLI::App& root) {
  CLI::App* at = &root;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return at;
}

std::string full_name(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent == nullptr ? app->get_name() : full_name(parent) + " " + app->get_name();
}

std::vector<std::string> child_names(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands({})) names.push_back(child->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
      for (const auto& name : option->get_snames()) names.push_back("-" + name);
    }
  }
  return names;
}

std::string with_suggestion(std::string sentence, const std::string& typed,
                            const std::vector<std::string>& words) {
  const std::string near = nearest_word(typed, words);
  if (!near.empty()) return sentence + fmt::format("; did you mean \"{}\"?", near);
  if (words.empty()) return sentence;
  return sentence + fmt::format("; it may be {}", fmt::join(words, ", "));
}

/// Why the words that nothing took are wrong, and what would be right; empty if all were taken.
std::string leftover_fault(CLI::App& root) {
  CLI::App* at = deepest(root);
  const std::vector<std::string> rest = root.remaining(true);
  const auto fault_of = [&](const std::string& typed) {
    if (typed.starts_with('-') && typed.size() > 1) {
      const std::string name = typed.substr(0, typed.find('='));
      const std::string command = full_name(at);
      const LaterOption option{command, name};
      if (std::find(kLaterOptions.begin(), kLaterOptions.end(), option) != kLaterOptions.end()) {
        return fmt::format("{} {} is not in this version", command, name);
      }
      const auto near = nearest_word(name, option_names(at));
      return fmt::format("{} has no option \"{}\"{}", command, name,
                         near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near));
    }
    if (child_names(*at).empty()) {
      return fmt::format("{} has no use for \"{}\"", full_name(at), typed);
    }
    if (std::find(kLater.begin(), kLater.end(), typed) != kLater.end()) {
      return fmt::format("{} {} is not in this version", full_name(at), typed);
    }
    return with_suggestion(fmt::format("{} has no command \"{}\"", full_name(at), typed), typed,
                           child_names(*at));
  };
  return rest.empty() ? std::string() : fault_of(rest.front());
}

/// CLI11's sentences begin with a capital; ours go on behind "adit: ". Names such as KEY stay.
std::string first_lower(std::string text) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() > 1 && is_upper(text[0]) && !is_upper(text[1])) {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

template <class Value>
std::vector<std::string> keys_of(const std::map<std::string, Value>& values) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values) keys.push_back(key);
  return keys;
}

/// Reads --output and --color into the options; returns what is wrong with the global options.
std::string read_choices(Parser& parser) {
  const auto format = kFormats.find(parser.format);
  if (format != kFormats.end()) parser.options.format = format->second;
  const auto color = kColors.find(parser.color);
  if (color != kColors.end()) parser.options.color = color->second;
  if (format == kFormats.end()) {
    return with_suggestion(fmt::format("-o knows no form \"{}\"", parser.format), parser.format,
                           keys_of(kFormats));
  }
  if (color == kColors.end()) {
    return with_suggestion(fmt::format("--color cannot be \"{}\"", parser.color), parser.color,
                           keys_of(kColors));
  }
  if (parser.options.socket.empty()) return "--socket needs the path of the controller's socket";
  return {};
}

std::string format_fault(const Command& command, Format format) {
  const bool is_document = format == Format::JsonText || format == Format::YamlText;
  switch (command.formats) {
    case Formats::List:
      return {};
    case Formats::Document:
      if (format == Format::Table || is_document) return {};
      return fmt::format("adit {} knows -o table, json and yaml", command.path);
    case Formats::Text:
      if (format == Format::Table) return {};
      return fmt::format("adit {} prints a text of its own and takes no -o", command.path);
  }
  return {};
}

/// "auto|always|never" names the only values; "NAME" and "FILE|DIR|-" say what they are.
bool is_list_of_words(const std::string& type) {
  return !type.empty() &&
         std::none_of(type.begin(), type.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// Help for whatever was picked.
std::string help_text(CLI::App& app) {
  const CLI::App* at = deepest(app);
  return at->help(at == &app ? std::string() : full_name(at->get_parent()));
}

UsageError usage_error(Parser& parser, std::string what) {
  CLI::App* at = deepest(parser.app);
  return {fmt::format("{} (see {} --help)", what, full_name(at)), parser.options};
}

Arguments picked(Parser& parser) {
  for (auto& [app, invocation] : parser.leaves) {
    if (!app->parsed()) continue;
    if (auto fault = format_fault(*invocation.command, parser.options.format); !fault.empty()) {
      return usage_error(parser, std::move(fault));
    }
    invocation.options = parser.options;
    return std::move(invocation);
  }
  CLI::App* at = deepest(parser.app);
  return usage_error(parser, fmt::format("{} needs a command: {}", full_name(at),
                                         fmt::join(child_names(*at), ", ")));
}

/// The form that errors should have, even where the line as a whole cannot be parsed; empty if no
/// valid one was asked for.
std::string format_in(const std::vector<std::string>& words) {
  std::string found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string value;
    if (words[i] == "-o" || words[i] == "--output")
      value = i + 1 < words.size() ? words[i + 1] : "";
    if (words[i].starts_with("--output=")) value = words[i].substr(9);
    if (words[i].starts_with("-o") && words[i].size() > 2) value = words[i].substr(2);
    if (kFormats.contains(value)) found = value;
  }
  return found;
}

CommandNode::Option shown_option(const CLI::Option& option) {
  CommandNode::Option shown;
  for (const auto& name : option.get_snames()) shown.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) shown.names.push_back("--" + name);
  shown.takes_value = option.get_items_expected_max() > 0;
  const std::string type = option.get_type_name();
  shown.is_file = type.find("FILE") != std::string::npos || type == "PATH";
  if (is_list_of_words(type)) shown.choices = CLI::detail::split(type, '|');
  if (shown.takes_value) shown.value = type;
  shown.default_value = option.get_default_str();
  shown.description = option.get_description();
  shown.is_required = option.get_required();
  return shown;
}

std::string example_of(const std::string& path) {
  for (const Command& command : command_table()) {
    if (path == command.path) return command.example;
  }
  return {};
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& words,
                          const std::string& default_socket) {
  Parser parser;
  declare(parser, default_socket);
  std::string refused;
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    parser.app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return HelpText{help_text(parser.app)};
  } catch (const CLI::CallForVersion& version) {
    return HelpText{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    refused = first_lower(error.what());
  }
  if (const auto format = format_in(words); !refused.empty() && !format.empty()) {
    parser.format = format;
  }
  // In the order of what helps most: an unknown word explains most of what else is missing.
  std::string fault = read_choices(parser);
  if (auto leftover = leftover_fault(parser.app); !leftover.empty()) fault = std::move(leftover);
  if (fault.empty()) fault = refused;
  if (!fault.empty()) return usage_error(parser, std::move(fault));
  return picked(parser);
}

std::vector<CommandNode> command_nodes() {
  Parser parser;
  declare(parser, kDefaultSocket);
  std::vector<CommandNode> nodes;
  const auto visit = [&](const auto& self, CLI::App& app, const std::string& path) -> void {
    CommandNode node{path, app.get_description(), {}, {}, child_names(app), example_of(path)};
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_positional()) {
        node.positionals.push_back(
            {option->get_name(true), option->get_description(), option->get_required()});
      } else {
        node.options.push_back(shown_option(*option));
      }
    }
    nodes.push_back(std::move(node));
    for (CLI::App* child : app.get_subcommands({})) {
      self(self, *child, path.empty() ? child->get_name() : path + " " + child->get_name());
    }
  };
  visit(visit, parser.app, "");
  return nodes;
}

}  // namespace adit::cli
