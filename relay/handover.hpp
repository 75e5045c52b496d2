// How a supervisor passes what it owns to the program that it becomes on SIGHUP: the descriptors
// stay open over execve(2), a memfd says which is which.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "relay/supervisor.hpp"

namespace adit::relay {

/// The file that this process runs, to be executed again even when a package replaced it.
std::string program_file();

/// Would `program` take over? Runs it as execute_with would, but with --check, for at most two
/// seconds: once this process has become a program that does not work there is no way back.
Result<void> try_program(const SupervisorState& state, const std::string& program,
                         const std::vector<std::string>& arguments);

/// What --check does: reads what execute_with would hand over, if anything, and takes nothing of
/// it.
Result<void> check_handover();

/// Executes `program` with `arguments` and everything in `state`; returns only when that failed,
/// with `state` unharmed.
Error execute_with(const SupervisorState& state, const std::string& program,
                   const std::vector<std::string>& arguments);

/// Closes what a shell, a test runner or a service manager left open beyond the standard three, so
/// that the relay holds nothing but its own; not after a handover, which comes by descriptors.
/// First of all calls.
void forget_inherited_descriptors();

/// What the program before left in this process; nullopt if this is a first start. Errc::Protocol
/// if it cannot be understood.
Result<std::optional<SupervisorState>> take_handover();

}  // namespace adit::relay
