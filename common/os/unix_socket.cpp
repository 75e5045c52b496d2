#include "common/os/unix_socket.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace adit::os {

namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Errc::Invalid, fmt::format("the socket path \"{}\" must have 1 to {} bytes", path,
                                           sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Removes the socket of a dead process at `path`, and nothing else.
Result<void> make_room(const std::string& path) {
  struct stat found {};

  if (::lstat(path.c_str(), &found) != 0) {
    return errno == ENOENT ? Result<void>{} : fail_sys("look at " + path, errno);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(Errc::Conflict, fmt::format("{} is there already and is no socket", path));
  }
  const auto answered = connect_unix(path, /*nonblocking=*/true);
  // EAGAIN: its queue of connections is full, so somebody listens.
  if (answered || answered.error().sys_errno == EAGAIN) {
    return fail(Errc::Conflict, fmt::format("{} is already served by another process", path));
  }
  if (answered.error().sys_errno != ECONNREFUSED) return fail(answered.error());
  if (::unlink(path.c_str()) != 0) return fail_sys("remove the old " + path, errno);
  return {};
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  auto address = address_of(path);
  if (!address) return fail(std::move(address).error());
  if (auto made = make_room(path); !made) return fail(std::move(made).error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail_sys("make a Unix socket", errno);
  // The mode must hold from the first moment on: nobody may connect between bind and chmod.
  const mode_t old_mask = ::umask(0777 & ~mode);
  const int bound = ::bind(fd.get(), generic(*address), sizeof *address);
  const int cause = errno;
  ::umask(old_mask);
  if (bound != 0) return fail_sys("bind " + path, cause);
  if (::listen(fd.get(), 128) != 0) return fail_sys("listen on " + path, errno);
  return fd;
}

SocketFile SocketFile::at(const std::string& path) {
  SocketFile file;

  struct stat found {};

  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return file;
  file.path_ = path;
  file.device_ = found.st_dev;
  file.inode_ = found.st_ino;
  return file;
}

void SocketFile::remove() const {
  struct stat found {};

  if (path_.empty() || ::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

Result<UniqueFd> connect_unix(const std::string& path, bool nonblocking) {
  auto address = address_of(path);
  if (!address) return fail(std::move(address).error());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0));
  if (!fd.is_open()) return fail_sys("make a Unix socket", errno);
  if (::connect(fd.get(), generic(*address), sizeof *address) != 0) {
    return fail_sys("connect to " + path, errno);
  }
  return fd;
}

Result<PeerCredentials> peer_credentials(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail_sys("ask who is on the other side", errno);
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace adit::os
