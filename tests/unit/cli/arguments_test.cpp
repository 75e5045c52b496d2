#include "controller/cli/arguments.hpp"

#include <sstream>

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

Arguments parsed(const std::vector<std::string>& words) {
  return parse_arguments(words, "/default.sock");
}

std::string path_of(const Arguments& arguments) {
  const auto* invocation = std::get_if<Invocation>(&arguments);
  return invocation != nullptr ? invocation->command->path : "";
}

std::string error_of(const Arguments& arguments) {
  const auto* wrong = std::get_if<UsageError>(&arguments);
  return wrong != nullptr ? wrong->what : "";
}

}  // namespace

TEST_CASE("arguments: every example of the table is a valid command of that row", "[cli]") {
  for (const Command& command : command_table()) {
    CAPTURE(command.path, command.example);
    std::vector<std::string> words;
    std::string text = command.example;
    if (text.starts_with("source <(")) text = text.substr(9, text.size() - 10);
    text = text.substr(0, text.find(" > "));
    std::istringstream in(text);
    for (std::string word; in >> word;) words.push_back(word);
    REQUIRE(words.front() == "adit");
    words.erase(words.begin());
    const Arguments arguments = parsed(words);
    CHECK(error_of(arguments).empty());
    CHECK(path_of(arguments) == command.path);
  }
}

TEST_CASE("arguments: every command helps, with its example", "[cli]") {
  for (const Command& command : command_table()) {
    CAPTURE(command.path);
    std::vector<std::string> words;
    std::istringstream in(command.path);
    for (std::string word; in >> word;) words.push_back(word);
    words.emplace_back("--help");
    const Arguments arguments = parsed(words);
    const auto* help = std::get_if<HelpText>(&arguments);
    REQUIRE(help != nullptr);
    CHECK_THAT(help->text, Catch::Contains(command.example) && Catch::Contains(command.summary) &&
                               Catch::Contains("Usage: adit " + std::string(command.path)));
  }
}

TEST_CASE("arguments: global options stand before or behind the command", "[cli]") {
  for (const auto& words : {std::vector<std::string>{"--socket", "/x", "-o", "json", "status"},
                            std::vector<std::string>{"status", "-ojson", "--socket=/x"}}) {
    const Arguments arguments = parsed(words);
    const auto* invocation = std::get_if<Invocation>(&arguments);
    REQUIRE(invocation != nullptr);
    CHECK(invocation->options.socket == "/x");
    CHECK(invocation->options.format == Format::JsonText);
  }
  const Arguments arguments = parsed({"status", "--color", "never"});
  CHECK(std::get<Invocation>(arguments).options.socket == "/default.sock");
  CHECK(std::get<Invocation>(arguments).options.color == ColorMode::Never);
}

TEST_CASE("arguments: names that are also commands stay names", "[cli]") {
  CHECK(path_of(parsed({"site", "add", "history"})) == "site add");
  CHECK(path_of(parsed({"host", "rm", "get"})) == "host rm");
  CHECK(path_of(parsed({"site", "rm", "site"})) == "site rm");
  CHECK(path_of(parsed({"host", "add", "*.lab.example.com", "--site", "status"})) == "host add");
}

TEST_CASE("arguments: a repeated option takes one word each time", "[cli]") {
  CHECK(path_of(parsed({"apply", "-f", "a.yaml", "-f", "-", "--dry-run"})) == "apply");
  CHECK(path_of(parsed({"apply", "-f", "a.yaml", "--wait"})) == "apply");
  CHECK(path_of(parsed({"apply", "--wait", "-f", "a.yaml"})) == "apply");
  CHECK(error_of(parsed({"apply", "-f", "a.yaml", "b.yaml"})) ==
        "adit apply has no use for \"b.yaml\" (see adit apply --help)");
}

TEST_CASE("arguments: wrong usage names what would be right", "[cli]") {
  struct Row {
    std::vector<std::string> in;
    std::string want;
  };

  const Row row =
      GENERATE(Row{{"aplly"}, "adit has no command \"aplly\"; did you mean \"apply\"?"},
               Row{{"get", "hots"}, "adit get has no command \"hots\"; did you mean \"hosts\"?"},
               Row{{"get", "xyzzy"}, "it may be hosts, sites, routes, revisions"},
               Row{{"host"}, "adit host needs a command: add, rm"},
               Row{{}, "adit needs a command: init, status, apply"},
               Row{{"doctor"}, "adit doctor is not in this version"},
               Row{{"get", "devices"}, "adit get devices is not in this version"},
               Row{{"host", "add", "x", "--sit", "home"}, "did you mean \"--site\"?"},
               Row{{"host", "add", "x"}, "--site is required"},
               Row{{"host", "add", "--site", "home"}, "NAME is required"},
               Row{{"host", "add", "x", "--site", "h", "--port", "0"}, "--port: "},
               Row{{"status", "-o", "jsn"}, "-o knows no form \"jsn\"; did you mean \"json\"?"},
               Row{{"status", "-o", "name"}, "adit status knows -o table, json and yaml"},
               Row{{"status", "--color", "neve"}, "did you mean \"never\"?"},
               Row{{"completion", "fis"}, "did you mean \"fish\"?"},
               Row{{"completion", "bash", "-o", "json"}, "takes no -o"},
               Row{{"site", "config", "home", "--format", "wgquick"}, "did you mean \"wg-quick\"?"},
               Row{{"apply", "-f", "x", "--prune"}, "--prune requires --owner"},
               Row{{"apply", "-f", "x", "--wait", "accepted"}, "no use for \"accepted\""},
               Row{{"--socket", "", "status"}, "--socket needs the path"},
               Row{{"route", "test", "a.test", "--alpn"}, "--alpn"},
               Row{{"route", "test", "--from=192.0.2.1", "a.test"},
                   "adit route test --from is not in this version"},
               Row{{"route", "test", "a.test", "--form"}, "has no option \"--form\""},
               Row{{"rollback", "-1"}, "`adit history` lists them"},
               Row{{"rollback", "x"}, "`adit history` lists them"});
  CAPTURE(row.in);
  CHECK_THAT(error_of(parsed(row.in)), Catch::Contains(row.want) && Catch::Contains("--help)"));
}

TEST_CASE("arguments: an error keeps the form that was asked for", "[cli]") {
  for (const auto& words : {std::vector<std::string>{"-o", "json", "aplly"},
                            std::vector<std::string>{"host", "add", "-o", "json"},
                            std::vector<std::string>{"apply", "--output=json", "-f"}}) {
    const Arguments arguments = parsed(words);
    const auto* wrong = std::get_if<UsageError>(&arguments);
    REQUIRE(wrong != nullptr);
    CHECK(wrong->options.format == Format::JsonText);
  }
}

TEST_CASE("arguments: what is known by its place has a name of capital letters", "[cli]") {
  std::size_t seen = 0;
  for (const CommandNode& node : command_nodes()) {
    for (const auto& positional : node.positionals) {
      CAPTURE(node.path, positional.name);
      CHECK(!positional.name.empty());
      CHECK(positional.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
      ++seen;
    }
  }
  CHECK(seen >= 12);
}

TEST_CASE("arguments: the version", "[cli]") {
  CHECK_THAT(std::get<HelpText>(parsed({"--version"})).text, Catch::StartsWith("adit "));
}

TEST_CASE("arguments: the example in the help of each command and group is one of its own",
          "[cli]") {
  for (const CommandNode& node : command_nodes()) {
    CAPTURE(node.path);
    std::vector<std::string> words;
    std::istringstream path(node.path);
    for (std::string word; path >> word;) words.push_back(word);
    words.emplace_back("--help");
    const auto help = std::get<HelpText>(parse_arguments(words, kDefaultSocket)).text;
    const std::size_t at = help.find("Example:\n");
    REQUIRE(at != std::string::npos);
    CHECK_THAT(help.substr(at), Catch::Contains("adit " + node.path));
  }
}
