// adit-controller: arguments and exit status. 0 ended as asked, 1 could not work, 2 wrong usage.
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "common/log.hpp"
#include "controller/daemon.hpp"
#include "controller/options.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto command = adit::parse_options(arguments);
  if (!command) {
    std::fprintf(stderr, "adit-controller: %s\n", command.error().what.c_str());
    return 2;
  }
  if (const auto* print = std::get_if<adit::PrintText>(&*command)) {
    std::fputs(print->text.c_str(), stdout);
    return 0;
  }
  auto config = adit::load_node_config(std::get<adit::ControllerOptions>(*command));
  if (!config) {
    for (const auto& problem : config.error()) {
      adit::log::error("adit-controller: {}", adit::config::to_string(problem));
    }
    return 1;
  }
  auto daemon = adit::Daemon::create(std::move(*config));
  if (!daemon) {
    adit::log::error("adit-controller: {}", daemon.error().what);
    return 1;
  }
  return (*daemon)->run();
}
