// The socket options of both legs of a connection, and the connecting socket of the second.
#pragma once

#include "common/net/ip_address.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::relay {

/// TCP_NODELAY, keepalive (a dead peer is noticed after about two minutes of silence) and a bound
/// on how long sent bytes may stay unacknowledged. Accepted sockets inherit them from a listener.
void set_connection_options(int fd);

/// close(2) of `fd` will send RST instead of FIN.
void reset_on_close(int fd);

/// A non-blocking socket that connects to `target`; whether it has come to be is told by
/// writability and SO_ERROR. Errors: the errno of socket(2) or connect(2).
Result<UniqueFd> dial(const Endpoint& target);

/// SO_ERROR, which is thereby cleared.
int take_socket_error(int fd);

}  // namespace adit::relay
