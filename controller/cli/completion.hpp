// Completion scripts, generated from the table of commands. PURE.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/arguments.hpp"

namespace adit::cli {

/// The script for `shell` ("bash", "zsh" or "fish"); empty for any other.
std::string completion_script(const std::string& shell, const std::vector<CommandNode>& nodes);

}  // namespace adit::cli
