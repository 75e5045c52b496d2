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

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  auto address = address_of(path);
  if (!address) return fail(std::move(address).error());
  if (connect_unix(path)) {
    return fail(Errc::Conflict, fmt::format("{} is already served by another process", path));
  }
  ::unlink(path.c_str());
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
