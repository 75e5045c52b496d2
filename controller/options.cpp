#include "controller/options.hpp"

#include <fmt/format.h>

#include "common/os/files.hpp"
#include "common/version.hpp"

namespace adit {

namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

constexpr const char* kHelp =
    "usage: adit-controller [--config FILE] [--tear-down]\n"
    "\n"
    "Keeps the desired state of this machine's public entrance and makes it so: WireGuard\n"
    "interface and peers, kernel routes, and the route table of adit-relay. Serves the HTTP API\n"
    "that `adit` uses on a Unix socket.\n"
    "\n"
    "  --config FILE   settings of this machine (default /etc/adit/controller.yaml; every key is\n"
    "                  optional, and so is the default file)\n"
    "  --tear-down     take the WireGuard interface and the kernel routes away that adit made on\n"
    "                  this machine, and nothing else; no controller may run meanwhile\n"
    "  --version       print the version\n"
    "  --help          print this text\n";

}  // namespace

Result<ControllerCommand> parse_options(const std::vector<std::string>& arguments) {
  constexpr std::string_view kConfig = "--config";
  ControllerOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") return PrintText{kHelp};
    if (argument == "--version") return PrintText{fmt::format("adit-controller {}\n", kVersion)};
    if (argument == "--tear-down") {
      options.is_tear_down = true;
    } else if (argument == kConfig) {
      if (i + 1 == arguments.size()) return fail(Errc::Invalid, "--config needs a file");
      options.config_file = arguments[++i];
    } else if (argument.rfind("--config=", 0) == 0) {
      options.config_file = argument.substr(kConfig.size() + 1);
    } else {
      return fail(Errc::Invalid,
                  fmt::format("unknown argument \"{}\"; --help lists what there is", argument));
    }
  }
  return options;
}

config::Checked<config::NodeConfig> load_node_config(const ControllerOptions& options) {
  const std::string path = options.config_file.value_or(kDefaultConfigFile);
  auto bytes = os::read_file(path, kMaxConfigBytes);
  if (!bytes) {
    if (!options.config_file && bytes.error().code == Errc::NotFound) return config::NodeConfig{};
    config::Problem problem;
    problem.what = bytes.error().what;
    if (bytes.error().code == Errc::Denied) {
      problem.what += fmt::format("; adit-controller must be able to read it: chmod 644 {}", path);
    }
    problem.code = bytes.error().code;
    return tl::unexpected<config::Problems>(config::Problems{std::move(problem)});
  }
  return config::read_node_config(path, std::string(bytes->begin(), bytes->end()));
}

}  // namespace adit
