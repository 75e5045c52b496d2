// What `adit init` finds on the machine, one line each: good, a warning, or a problem with its fix.
// PURE: machine_facts.hpp looks, this judges.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/failure.hpp"
#include "controller/cli/machine_facts.hpp"
#include "controller/cli/terminal.hpp"

namespace adit::cli {

enum class FindingState {
  Good,
  Hint,     ///< cannot be seen from here
  Warning,  ///< adit works, but not all of it or not for long
  Problem,  ///< adit would not work at all
};

struct Finding {
  std::string name;  ///< stable: "port_443"
  FindingState state = FindingState::Good;
  std::string detail;  ///< one sentence for people
  std::string fix;     ///< what mends it; a command where there is one

  bool operator==(const Finding&) const = default;
};

struct Machine {
  MachineFacts facts;
  Json status;                        ///< /v1/status; null if the controller does not answer
  std::string unreachable;            ///< why, with the fix
  std::string endpoint;               ///< as it was said; empty: nothing was said
  bool may_ask = false;               ///< a missing endpoint is asked for
  std::uint16_t listen_port = 51820;  ///< WireGuard's UDP port
};

/// The ports that matter: 443 and 80 (TCP), and WireGuard's.
std::vector<WantedPort> wanted_ports(std::uint16_t listen_port);

/// In the order in which they are shown.
std::vector<Finding> judge(const Machine& machine);

bool has_problem(const std::vector<Finding>& findings);

/// The address under which homes reach this machine: what was said, else what the controller knows,
/// else a public address of the machine's own. Empty: not known.
std::string known_endpoint(const Machine& machine);

/// Marks, titles, details and fixes, a block of lines.
std::string findings_text(const std::vector<Finding>& findings, const Terminal& terminal);

/// [{"name","state","detail","fix"}]
Json findings_json(const std::vector<Finding>& findings);

}  // namespace adit::cli
