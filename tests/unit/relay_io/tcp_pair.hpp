// Two connected, non-blocking TCP sockets on loopback, and simple ways to use one end.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/unique_fd.hpp"

namespace adit::test {

struct TcpPair {
  UniqueFd near;
  UniqueFd far;
};

inline TcpPair tcp_pair() {
  const UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  TcpPair pair{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), UniqueFd()};
  if (::bind(listening.get(), generic, size) != 0 || ::listen(listening.get(), 1) != 0 ||
      ::getsockname(listening.get(), generic, &size) != 0 ||
      ::connect(pair.near.get(), generic, size) != 0) {
    throw std::runtime_error("no loopback TCP");
  }
  pair.far.reset(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  for (const int fd : {pair.near.get(), pair.far.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return pair;
}

/// Waits for bytes (or FIN, or a reset) at `fd`: loopback is fast but not immediate.
inline bool wait_readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, 5000) == 1;
}

/// Whether something that was sent by `fd` has not arrived yet (tcp(7): SIOCOUTQ).
inline bool is_under_way(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

/// Everything that `fd` has now.
inline std::string read_now(int fd) {
  std::string out;
  std::array<char, 65536> chunk{};
  for (ssize_t count = 0; (count = ::read(fd, chunk.data(), chunk.size())) > 0;) {
    out.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return out;
}

/// Sends until the socket takes no more; how much that was.
inline std::size_t fill(int fd, char byte = 'x') {
  const std::string chunk(65536, byte);
  std::size_t sent = 0;
  for (ssize_t count = 0; (count = ::send(fd, chunk.data(), chunk.size(), MSG_NOSIGNAL)) > 0;) {
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

}  // namespace adit::test
