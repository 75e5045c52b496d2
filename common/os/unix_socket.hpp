// Unix stream sockets of the two daemons: listening, connecting, and who is on the other side.
#pragma once

#include <string>

#include <sys/types.h>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::os {

/// A listening, non-blocking socket at `path` with `mode`. A stale file of a dead process is
/// replaced; one that still answers is Errc::Conflict. The caller unlinks it at the end.
Result<UniqueFd> listen_unix(const std::string& path, mode_t mode);

/// A connected socket, blocking unless `nonblocking`. Errc::Unavailable or NotFound if nobody
/// listens.
Result<UniqueFd> connect_unix(const std::string& path, bool nonblocking = false);

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// SO_PEERCRED of a connected Unix socket.
Result<PeerCredentials> peer_credentials(int fd);

}  // namespace adit::os
