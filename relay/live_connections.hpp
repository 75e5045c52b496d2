// What controllers ask about live connections: a list of them, and the end of one. Asks every
// worker and waits for all, on the thread that serves the control socket.
#pragma once

#include <memory>
#include <vector>

#include "common/control/connection_messages.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

using Workers = std::vector<std::unique_ptr<Worker>>;

/// One page of live connections, by ascending id, at most kMostRecords. `workers` are started.
[[nodiscard]] control::Connections list_connections(const Workers& workers,
                                                    const control::ConnectionsRequest& request);

/// Resets the connection, wherever it is.
[[nodiscard]] control::KillReply kill_connection(const Workers& workers, const control::Kill& kill);

}  // namespace adit::relay
