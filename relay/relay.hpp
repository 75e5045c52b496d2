// The data process: the workers that serve every connection, the control socket, the live table. It
// asks its supervisor for listeners and ends with it.
#pragma once

#include "relay/options.hpp"

namespace adit::relay {

/// Serves until SIGTERM, the supervisor's end, or the last connection after a successor took over;
/// the exit status.
int run_data_process(const Options& options);

}  // namespace adit::relay
