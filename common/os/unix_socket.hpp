// Unix stream sockets of the two daemons: listening, connecting, and who is on the other side.
#pragma once

#include <string>

#include <sys/types.h>

#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::os {

/// A listening, non-blocking socket at `path` with `mode`. The socket of a dead process (it refuses
/// connections) is replaced; one that is served, and a file that is no socket, is Errc::Conflict.
/// Never waits. The caller removes it at the end (SocketFile).
Result<UniqueFd> listen_unix(const std::string& path, mode_t mode);

/// The file of a listening socket, told from another one that came to stand at the same path.
class SocketFile {
 public:
  /// What stands at `path` now: to be asked right after listen_unix.
  static SocketFile at(const std::string& path);

  /// Unlinks it, if it is still what stands there.
  void remove() const;

 private:
  std::string path_;  ///< empty: there was no socket
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

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
