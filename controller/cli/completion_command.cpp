// `adit completion` and `adit version`: what the command line says about itself.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/version.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/completion.hpp"
#include "controller/cli/words.hpp"

namespace adit::cli {

Action declare_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "Which shell")
      ->check(one_of({"bash", "zsh", "fish"}))
      ->required();
  return [shell](Session& session) -> Attempt<Exit> {
    session.out.text(completion_script(*shell, command_nodes()));
    return Exit::Done;
  };
}

Action declare_version(CLI::App& /*app*/) {
  return [](Session& session) -> Attempt<Exit> {
    if (session.out.is_document()) {
      session.out.document({{"version", kVersion}});
    } else {
      session.out.text(fmt::format("adit {}\n", kVersion));
    }
    return Exit::Done;
  };
}

}  // namespace adit::cli
