// Waiting for a descriptor with a deadline, for the straight-line code of the controller and the
// command line. A stop request ends the wait at once.
#pragma once

#include <stop_token>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::os {

/// Until when a call may block, and who may end it before.
struct Patience {
  TimePoint deadline;
  std::stop_token stop = {};
};

/// Returns when `fd` shows one of `events` (POLLIN, POLLOUT), an error or a hang-up.
/// Errc::Unavailable with ETIMEDOUT once the deadline has passed (so that a peer who sends one byte
/// now and then cannot hold a caller that waits before each read), with ECANCELED after a stop
/// request.
Result<void> wait_ready(int fd, short events, const Patience& patience);

/// A connected, non-blocking TCP socket (TCP_NODELAY). The errors of connect(2), or of wait_ready.
Result<UniqueFd> connect_tcp(const Endpoint& endpoint, const Patience& patience);

}  // namespace adit::os
