// Starting wireguard-go as a process of its own: in a session of its own, with no descriptor of
// ours and CAP_NET_ADMIN as ambient capability, so that it outlives the controller.
#pragma once

#include <string>

#include "common/result.hpp"

namespace adit::wireguard {

/// Runs `program` (a path, or a name looked up in PATH) for `interface`. wireguard-go makes the TUN
/// device and its UAPI socket, goes into the background, and its first process ends: on success the
/// socket is there. Errc::NotFound without the program; otherwise the error has what it printed.
Result<void> start_wireguard_go(const std::string& program, const std::string& interface);

}  // namespace adit::wireguard
