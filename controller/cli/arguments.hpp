// From argv to one command with its options, or to the text that should be shown instead. The
// grammar is the table of command.hpp and nothing else.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "controller/cli/command.hpp"
#include "controller/cli/terminal.hpp"

namespace adit::cli {

inline constexpr const char* kDefaultSocket = "/run/adit/control.sock";

/// What every command has.
struct GlobalOptions {
  std::string socket;
  Format format = Format::Table;
  ColorMode color = ColorMode::Auto;
};

/// A command that is ready to run.
struct Invocation {
  const Command* command = nullptr;
  Action action;
  GlobalOptions options;
};

/// --help or --version: shown on stdout, exit 0.
struct HelpText {
  std::string text;
};

/// Wrong usage: a sentence that names the nearest valid word or the missing option; exit 2.
struct UsageError {
  std::string what;
  GlobalOptions options;  ///< as far as they were read: errors are JSON with -o json
};

using Arguments = std::variant<Invocation, HelpText, UsageError>;

/// `words`: argv without the program's name. `default_socket`: ADIT_SOCKET, or kDefaultSocket.
Arguments parse_arguments(const std::vector<std::string>& words, const std::string& default_socket);

/// One node of the tree of commands, for the completion scripts and the manual page.
struct CommandNode {
  struct Option {
    std::vector<std::string> names;  ///< "-f", "--file"
    bool takes_value = false;
    std::vector<std::string> choices;  ///< the only valid values, where there are such
    bool is_file = false;
    std::string value;  ///< what the value is called, "IP:PORT"
    std::string default_value;
    std::string description;
    bool is_required = false;
  };

  /// An argument that is known by its place.
  struct Positional {
    std::string name;  ///< letters only: CLI11 2.4 takes brackets for a malformed name
    std::string description;
    bool is_required = false;
  };

  std::string path;  ///< "host add"; "" for the root
  std::string summary;
  std::vector<Option> options;
  std::vector<Positional> positionals;
  std::vector<std::string> children;  ///< their last words
  std::string example;                ///< a whole command line; "" for a group
};

/// Every command and group, the root first.
std::vector<CommandNode> command_nodes();

}  // namespace adit::cli
