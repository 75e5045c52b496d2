// The command line of adit-controller, and the settings file that it names.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/result.hpp"
#include "controller/config/node_config.hpp"

namespace adit {

inline constexpr const char* kDefaultConfigFile = "/etc/adit/controller.yaml";

struct ControllerOptions {
  std::optional<std::string> config_file;  ///< nullopt: kDefaultConfigFile, which may be missing
  bool is_tear_down = false;               ///< take away what was made on this node, and end
};

/// What was asked for: to run, or to print a text and end with status 0.
struct PrintText {
  std::string text;
};

using ControllerCommand = std::variant<ControllerOptions, PrintText>;

/// `arguments` without the program's name. Errc::Invalid says what is wrong and what would be
/// right.
Result<ControllerCommand> parse_options(const std::vector<std::string>& arguments);

/// The node's settings: of the file, or every default where the default file is missing. All
/// problems of the file at once.
config::Checked<config::NodeConfig> load_node_config(const ControllerOptions& options);

}  // namespace adit
