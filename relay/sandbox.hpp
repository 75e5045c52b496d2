// The sandbox of the data process: no capability, no core dump, a seccomp allow-list and a Landlock
// ruleset, entered before its first thread.
#pragma once

#include <string>

#include "common/control/messages.hpp"
#include "common/result.hpp"

namespace adit::relay {

/// The parts of it that an option can switch off.
struct SandboxParts {
  bool seccomp = true;
  bool landlock = true;
};

/// From here on this process and its threads can make only the system calls that serving needs, and
/// touch nothing of the file system but `state_dir`, as far as `parts` say so. Returns what is in
/// force. A kernel without Landlock or seccomp (ENOSYS, EOPNOTSUPP) is noted in the log; any other
/// failure is an error. Cannot be undone.
Result<control::Sandbox> enter_sandbox(const std::string& state_dir, SandboxParts parts);

}  // namespace adit::relay
