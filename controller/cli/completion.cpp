#include "controller/cli/completion.hpp"

#include <set>

#include <fmt/format.h>

#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

std::string words_of(const CommandNode& node) {
  std::string words = fmt::format("{}", fmt::join(node.children, " "));
  for (const auto& option : node.options) {
    for (const auto& name : option.names) words += (words.empty() ? "" : " ") + name;
  }
  return words;
}

/// A `case` pattern that matches every path that a word makes deeper: "status"|"host"|"host add".
std::string known_paths(const std::vector<CommandNode>& nodes) {
  std::string out;
  for (const CommandNode& node : nodes) {
    if (!node.path.empty()) out += fmt::format("{}\"{}\"", out.empty() ? "" : "|", node.path);
  }
  return out;
}

/// Cases of `$prev` for options with a value: the fixed choices, files, or nothing to offer. An
/// option means the same in every command that has it.
std::string value_cases(const std::vector<CommandNode>& nodes, const char* choices,
                        const char* files) {
  std::set<std::string> lines;
  for (const CommandNode& node : nodes) {
    for (const auto& option : node.options) {
      if (!option.takes_value) continue;
      std::string action = "return";
      if (option.is_file) action = files;
      if (!option.choices.empty()) {
        action = fmt::format(fmt::runtime(choices), fmt::join(option.choices, " "));
      }
      lines.insert(fmt::format("    {}) {} ;;\n", fmt::join(option.names, "|"), action));
    }
  }
  return fmt::format("{}", fmt::join(lines, ""));
}

std::string path_cases(const std::vector<CommandNode>& nodes) {
  std::string out;
  for (const CommandNode& node : nodes) {
    const bool is_completion = node.path == "completion";
    out += fmt::format("    \"{}\") candidates=\"{}{}\" ;;\n", node.path,
                       is_completion ? "bash zsh fish " : "", words_of(node));
  }
  return out;
}

/// bash and zsh differ only in how they name the words and take the candidates.
std::string bash_script(const std::vector<CommandNode>& nodes) {
  return fmt::format(
      R"(# bash completion for adit; made by `adit completion bash`.
_adit() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local at="" word candidates="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case "${{at:+$at }}$word" in
      {}) at="${{at:+$at }}$word" ;;
    esac
  done
  COMPREPLY=()
  case "$previous" in
{}  esac
  case "$at" in
{}  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}}
complete -F _adit adit
)",
      known_paths(nodes),
      value_cases(nodes, "COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return",
                  // One name in a line: a name may hold blanks and what a shell would expand.
                  "compopt -o filenames 2>/dev/null; "
                  "mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return"),
      path_cases(nodes));
}

std::string zsh_script(const std::vector<CommandNode>& nodes) {
  return fmt::format(
      R"(#compdef adit
# zsh completion for adit; made by `adit completion zsh`.
_adit() {{
  local previous=${{words[CURRENT-1]}} at="" word candidates="" i
  for ((i = 2; i < CURRENT; i++)); do
    word=${{words[i]}}
    case "${{at:+$at }}$word" in
      {}) at="${{at:+$at }}$word" ;;
    esac
  done
  case "$previous" in
{}  esac
  case "$at" in
{}  esac
  compadd -- ${{=candidates}}
}}
if [ "$funcstack[1]" = "_adit" ]; then _adit "$@"; else compdef _adit adit; fi
)",
      known_paths(nodes), value_cases(nodes, "compadd -- {}; return", "_files; return"),
      path_cases(nodes));
}

std::string fish_option(const CommandNode& node, const CommandNode::Option& option) {
  std::string line = fmt::format("complete -c adit -n '__adit_at \"{}\"'", node.path);
  for (const auto& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (option.takes_value) line += option.is_file ? " -rF" : " -x";
  if (!option.choices.empty()) line += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  return line + "\n";
}

std::string fish_script(const std::vector<CommandNode>& nodes) {
  std::string out = fmt::format(
      R"(# fish completion for adit; made by `adit completion fish`.
function __adit_at
  set -l at ""
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$at $word")
    contains -- "$longer" {}; and set at "$longer"
  end
  test "$at" = "$argv[1]"
end
complete -c adit -f
)",
      [&] {
        std::string paths;
        for (const CommandNode& node : nodes) {
          if (!node.path.empty())
            paths += fmt::format("{}\"{}\"", paths.empty() ? "" : " ", node.path);
        }
        return paths;
      }());
  for (const CommandNode& node : nodes) {
    if (!node.path.empty()) {
      const std::size_t blank = node.path.rfind(' ');
      const std::string parent = blank == std::string::npos ? "" : node.path.substr(0, blank);
      const std::string name = blank == std::string::npos ? node.path : node.path.substr(blank + 1);
      out += fmt::format("complete -c adit -n '__adit_at \"{}\"' -a {} -d {}\n", parent, name,
                         shell_quoted(node.summary));
    }
    for (const auto& option : node.options) out += fish_option(node, option);
  }
  return out + "complete -c adit -n '__adit_at completion' -a 'bash zsh fish'\n";
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<CommandNode>& nodes) {
  if (shell == "bash") return bash_script(nodes);
  if (shell == "zsh") return zsh_script(nodes);
  return shell == "fish" ? fish_script(nodes) : std::string();
}

}  // namespace adit::cli
