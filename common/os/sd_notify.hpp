// Readiness and watchdog messages to systemd, without its library: sd_notify(3) is one datagram.
#pragma once

#include <optional>
#include <string_view>

#include "common/clock.hpp"

namespace adit::os {

/// Sends `state` ("READY=1", "WATCHDOG=1", "STATUS=…") to $NOTIFY_SOCKET; does nothing without one.
void sd_notify(std::string_view state);

/// Half of $WATCHDOG_USEC, the interval at which to send WATCHDOG=1; nothing if no watchdog is set.
std::optional<Milliseconds> watchdog_interval();

}  // namespace adit::os
