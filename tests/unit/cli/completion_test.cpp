#include "controller/cli/completion.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

TEST_CASE("completion: every command stands in every script", "[cli]") {
  const auto nodes = command_nodes();
  const auto* shell = GENERATE("bash", "zsh", "fish");
  const std::string script = completion_script(shell, nodes);
  for (const Command& command : command_table()) {
    CAPTURE(shell, command.path);
    CHECK(script.find('"' + std::string(command.path) + '"') != std::string::npos);
  }
  CHECK(script.find("table wide json yaml name") != std::string::npos);
}

TEST_CASE("completion: the tree knows what takes a value and which", "[cli]") {
  const auto nodes = command_nodes();
  const auto* apply = &*std::find_if(nodes.begin(), nodes.end(),
                                     [](const CommandNode& node) { return node.path == "apply"; });
  const auto option = [&](const std::string& name) {
    for (const auto& candidate : apply->options) {
      for (const auto& known : candidate.names) {
        if (known == name) return candidate;
      }
    }
    FAIL("no option " + name);
    return CommandNode::Option{};
  };
  CHECK(option("--file").is_file);
  CHECK(option("--file").choices.empty());
  CHECK(option("--owner").takes_value);
  CHECK_FALSE(option("--dry-run").takes_value);
  CHECK_FALSE(option("--wait").takes_value);
}

TEST_CASE("completion: no script for an unknown shell", "[cli]") {
  CHECK(completion_script("tcsh", command_nodes()).empty());
}
