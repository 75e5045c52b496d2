// The data process: the workers that serve every connection, the control socket, the live table. It
// asks its supervisor for listeners and ends with it.
//
// Limits (`connections`, `connections_per_client`, `rate_per_client`) count per process: after a
// reload a client may have as many connections in the new process as it still has in the old one,
// which drains. A table that the new process takes is followed by the old one as well: what it
// removes ends there too, after its drain.
#pragma once

#include "relay/options.hpp"

namespace adit::relay {

/// Serves until SIGTERM, the supervisor's end, or the last connection after a successor took over;
/// the exit status.
int run_data_process(const Options& options);

}  // namespace adit::relay
