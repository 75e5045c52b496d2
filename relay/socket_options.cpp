#include "relay/socket_options.hpp"

#include <array>
#include <cerrno>
#include <span>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace adit::relay {

namespace {
void set(int fd, int level, int option, int value) {
  // A kernel that does not know an option serves without it.
  static_cast<void>(::setsockopt(fd, level, option, &value, sizeof value));
}
}  // namespace

void send_at_once(int fd) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void keep_alive(int fd) {
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void allow_later_bind(int fd) {
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

void reset_on_close(int fd) {
  const linger none{1, 0};
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
}

namespace {

/// The port is left to connect(2): see source_addresses.hpp.
bool bind_source(int fd, const IpAddress& source) {
  sockaddr_storage storage{};
  const socklen_t size = Endpoint{source, 0}.to_sockaddr(storage);
  set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);  // of IPv6 sockets too
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0;
}

}  // namespace

Result<UniqueFd> dial(const Endpoint& target, const IpAddress* source, FirstWord first_word) {
  sockaddr_storage storage{};
  const socklen_t size = target.to_sockaddr(storage);
  UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail_sys("make a socket", errno);
  send_at_once(fd.get());
  if (first_word == FirstWord::Ours) set(fd.get(), IPPROTO_TCP, TCP_QUICKACK, 0);
  if (source != nullptr && !bind_source(fd.get(), *source)) {
    return fail_sys("bind a source address", kNoSuchSource);
  }
  int result = -1;
  do {
    result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EINPROGRESS) return fail_sys("connect", errno);
  return fd;
}

Endpoint local_end(int fd, const Endpoint& peer) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    const auto end = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
    if (end) return *end;
  }
  constexpr std::array<std::uint8_t, 16> kNone{};
  return {IpAddress(std::span(kNone).first(peer.address.bytes().size())), 0};
}

int take_socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace adit::relay
