// The data process: the workers that serve every connection, the control socket, the live table. It
// asks its supervisor for listeners and ends with it.
//
// In a reload the connections move to the new process, with everything that was counted for them
// (takeover.hpp); only the rates begin anew. What cannot move drains in the old one and counts in
// its limits only; a table that the new process takes is followed there: what it removes ends,
// after its drain.
#pragma once

#include "relay/options.hpp"

namespace adit::relay {

/// Serves until SIGTERM, the supervisor's end, or the last connection after a successor took over;
/// the exit status.
int run_data_process(const Options& options);

}  // namespace adit::relay
