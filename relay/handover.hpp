// How a supervisor passes what it owns to the program that it becomes on SIGHUP: the descriptors
// stay open over execve(2), a memfd says which is which.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "relay/supervisor.hpp"

namespace adit::relay {

/// Does `program` start at all? Runs it with --version, for at most two seconds: once this process
/// has become a program that does not work there is no way back.
Result<void> try_program(const std::string& program);

/// Executes `program` with `arguments` and everything in `state`; returns only when that failed,
/// with `state` unharmed.
Error execute_with(const SupervisorState& state, const std::string& program,
                   const std::vector<std::string>& arguments);

/// What the program before left in this process; nullopt if this is a first start. Errc::Protocol
/// if it cannot be understood.
Result<std::optional<SupervisorState>> take_handover();

}  // namespace adit::relay
