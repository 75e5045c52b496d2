#include "relay/listener_store.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace adit::relay {

namespace {

enum class Sharing { Alone, WithOurOwn };

Result<UniqueFd> bind_one(const IpAddress& address, std::uint16_t port, Sharing sharing) {
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return fail_sys("make a socket", errno);
  const int on = 1;
  const int v6_only = address.is_unspecified() ? 0 : 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (sharing == Sharing::WithOurOwn) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  if (family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  }
  sockaddr_storage storage{};
  const socklen_t size = Endpoint{address, port}.to_sockaddr(storage);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
    return fail_sys("bind", errno);
  }
  // SO_REUSEADDR was for what an earlier run left in TIME_WAIT. Kept, it would let anyone else who
  // sets it listen on a port that we only bound; the listener sets it again for its own heirs.
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
  return fd;
}

Result<std::uint16_t> port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_sys("ask for the bound port", errno);
  }
  auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
  if (!endpoint) return fail(std::move(endpoint).error());
  return endpoint->port;
}

/// `overlaps_own`: a listener of ours is there too.
Result<BoundListener> bind_all(const control::ListenAddress& address, unsigned count,
                               bool overlaps_own) {
  // SO_REUSEPORT would silently share the port with any other process of our user: ask alone first.
  // Where we are ourselves that was done, for the wider or for the narrower address.
  if (address.port != 0 && !overlaps_own) {
    if (auto alone = bind_one(address.address, address.port, Sharing::Alone); !alone) {
      return fail(std::move(alone).error());
    }
  }
  BoundListener bound{address.port, {}};
  while (bound.fds.size() < count) {
    auto fd = bind_one(address.address, bound.port, Sharing::WithOurOwn);
    if (!fd) return fail(std::move(fd).error());
    auto port = port_of(fd->get());
    if (!port) return fail(std::move(port).error());
    bound.port = *port;
    bound.fds.push_back(std::move(*fd));
  }
  return bound;
}

}  // namespace

Result<const BoundListener*> ListenerStore::bind(const control::ListenAddress& address,
                                                 unsigned count) {
  if (const auto found = listeners_.find(address); found != listeners_.end()) {
    return &found->second;
  }
  auto bound = bind_all(address, count, overlaps_own(address));
  const bool has_no_v6 = !bound && (bound.error().sys_errno == EAFNOSUPPORT ||
                                    bound.error().sys_errno == EADDRNOTAVAIL);
  if (has_no_v6 && address.address.is_unspecified() && !address.address.is_v4()) {
    bound = bind_all({IpAddress(), address.port, address.protocol}, count, overlaps_own(address));
  }
  if (!bound) return fail(std::move(bound).error());
  return &listeners_.emplace(address, std::move(*bound)).first->second;
}

bool ListenerStore::overlaps_own(const control::ListenAddress& address) const {
  return std::ranges::any_of(listeners_, [&](const auto& each) {
    const auto& [other, bound] = each;
    return bound.port == address.port &&
           (other.address.is_unspecified() || address.address.is_unspecified());
  });
}

void ListenerStore::unbind(const control::ListenAddress& address) {
  const auto found = listeners_.find(address);
  if (found == listeners_.end()) return;
  for (const UniqueFd& fd : found->second.fds) ::shutdown(fd.get(), SHUT_RDWR);
  listeners_.erase(found);
}

void ListenerStore::unbind_all_but(const std::set<control::ListenAddress>& kept) {
  std::vector<control::ListenAddress> unwanted;
  for (const auto& [address, listener] : listeners_) {
    if (!kept.contains(address)) unwanted.push_back(address);
  }
  for (const auto& address : unwanted) unbind(address);
}

void ListenerStore::adopt(const control::ListenAddress& address, BoundListener listener) {
  listeners_[address] = std::move(listener);
}

}  // namespace adit::relay
