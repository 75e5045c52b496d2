// The one screen of `adit status`. PURE.
#pragma once

#include <string>

#include "controller/cli/json_access.hpp"
#include "controller/cli/terminal.hpp"

namespace adit::cli {

/// GET /v1/status for people: OK or DEGRADED first, then the node, the relay, sites, hosts, and at
/// the end what is wrong, each with its fix.
std::string status_text(const Json& status, const Terminal& terminal);

}  // namespace adit::cli
