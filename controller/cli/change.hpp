// What a change did, as every changing command shows it: what changed, what is not done yet and
// why, warnings, and the command that undoes it.
#pragma once

#include "controller/cli/command.hpp"

namespace adit::cli {

/// How to speak about the lines of a ChangeResult.
enum class ChangeKind {
  Done,     ///< committed
  Planned,  ///< --dry-run and diff: nothing was changed
};

/// Prints the controller's ChangeResult: `+ ~ -` lines and the undo to stdout, steps that are not
/// done and warnings to stderr; or the document. Returns the exit status it stands for.
Exit print_change(Session& session, const Json& result, ChangeKind kind);

/// Sends `request` and prints what changed.
Attempt<Exit> run_change(Session& session, const Request& request);

/// StepsFailing if a step of `result` is failing, else Done.
Exit exit_of(const Json& result);

/// True if no step of `result` waits or fails.
bool is_all_done(const Json& result);

}  // namespace adit::cli
