// What moves between two data processes of one relay: connections on their way out of a worker, and
// on their way into one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "relay/connection_state.hpp"
#include "relay/route_table.hpp"

namespace adit::relay {

/// unix(7): SCM_MAX_FD of the kernel (include/net/scm.h). One more is EINVAL.
inline constexpr std::size_t kMaxBatchFds = 253;
/// A held hello has at most 86 KiB. A socket takes a message of 208 KiB unless it was told
/// otherwise (net.core.wmem_default).
inline constexpr std::size_t kMaxBatchBytes = std::size_t{128} << 10;

/// Connections that a worker has suspended.
struct SuspendedBatch {
  std::uint32_t count = 0;
  std::vector<std::uint8_t> records;  ///< of each, as in connection_state.hpp
  std::vector<int> fds;               ///< of each in turn; the worker's own
};

/// A connection that came from another process.
struct MovedConnection {
  ConnectionState state;
  std::vector<UniqueFd> fds;           ///< as descriptor_count() says
  std::shared_ptr<const Route> route;  ///< null if `state` names none
};

/// Whether the second constructor of Connection can make a working one of `moved`. Errc::Protocol
/// says why not.
Result<void> check_moved(const MovedConnection& moved);

}  // namespace adit::relay
