// adit-controller: arguments and exit status. 0 ended as asked, 1 could not work, 2 wrong usage.
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "common/log.hpp"
#include "controller/apply/tear_down.hpp"
#include "controller/daemon.hpp"
#include "controller/options.hpp"

namespace {

/// Says what was removed on stdout, and what was left and why on stderr.
int tear_down(const adit::config::NodeConfig& config) {
  const auto done = adit::apply::tear_down(config);
  if (!done) {
    std::fprintf(stderr, "adit-controller: tear-down: %s\n", done.error().what.c_str());
    return 1;
  }
  for (const std::string& what : done->removed) std::printf("removed: %s\n", what.c_str());
  if (done->removed.empty() && done->left.empty()) std::puts("nothing to remove");
  if (!done->left.empty()) std::fprintf(stderr, "adit-controller: %s\n", done->left.c_str());
  return 0;
}

}  // namespace

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
  const auto& options = std::get<adit::ControllerOptions>(*command);
  auto config = adit::load_node_config(options);
  if (!config) {
    for (const auto& problem : config.error()) {
      adit::log::error("adit-controller: {}", adit::config::to_string(problem));
    }
    return 1;
  }
  if (options.is_tear_down) return tear_down(*config);
  auto daemon = adit::Daemon::create(std::move(*config));
  if (!daemon) {
    adit::log::error("adit-controller: {}", daemon.error().what);
    return 1;
  }
  return (*daemon)->run();
}
