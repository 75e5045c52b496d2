#include "relay/run.hpp"

#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "common/log.hpp"
#include "relay/handover.hpp"
#include "relay/options.hpp"
#include "relay/relay.hpp"
#include "relay/supervisor.hpp"

namespace adit::relay {

int run(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  auto command = parse_options({arguments.begin() + 1, arguments.end()});
  if (!command) {
    std::fprintf(stderr, "adit-relay: %s\n", command.error().what.c_str());
    return 2;
  }
  if (const auto* print = std::get_if<PrintText>(&*command)) {
    std::fputs(print->text.c_str(), stdout);
    return 0;
  }
  const auto& options = std::get<Options>(*command);
  if (options.is_data_process) return run_data_process(options);
  if (options.is_check) {
    const auto checked = check_handover();
    if (!checked) adit::log::error("adit-relay: {}", checked.error().what);
    return checked ? 0 : 1;
  }
  forget_inherited_descriptors();
  auto supervisor = Supervisor::create(options, arguments);
  if (!supervisor) {
    adit::log::error("adit-relay: {}", supervisor.error().what);
    return 1;
  }
  return supervisor->run();
}

}  // namespace adit::relay
