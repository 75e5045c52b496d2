// Is the relay blind? What can be seen from outside of its two processes: the libraries they map,
// the files they hold open, their capabilities, and whether any key lies in their memory. Whatever
// cannot be looked at is reported as unchecked, never as passed.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "controller/cli/key_search.hpp"

namespace adit::cli {

enum class CheckState { Passed, Failed, Unchecked };

struct Check {
  std::string name;  ///< stable: "relay_libraries"
  CheckState state = CheckState::Unchecked;
  std::string detail;  ///< one sentence for people

  bool operator==(const Check&) const = default;
};

struct RelayProcesses {
  pid_t supervisor = 0;
  pid_t data = 0;
};

/// relay_libraries, relay_files, relay_capabilities, relay_memory, in this order. The needles
/// `keys` of `key_count` keys are searched for besides the markers of PEM files. Pids of 0, or of
/// processes that are not adit-relay (seen from another pid namespace), make everything unchecked.
std::vector<Check> inspect_relay(const RelayProcesses& relay, std::vector<Needle> keys,
                                 std::size_t key_count);

}  // namespace adit::cli
