#include "controller/probe/proxy_greeting.hpp"

#include <cerrno>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <sys/socket.h>

namespace adit::probe {

namespace {

using control::ProxyProtocol;
using std::string_view_literals::operator""sv;

/// signature | 0x20: version 2, LOCAL | UNSPEC | no further bytes
constexpr std::string_view kLocalHeader = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv;

/// What is sent to `target` over `fd`.
Result<std::string> greeting(int fd, const Endpoint& target, ProxyProtocol version) {
  if (version == ProxyProtocol::None) return std::string();
  if (version == ProxyProtocol::V2) return std::string(kLocalHeader);
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail_sys("getsockname", errno);
  }
  const auto own = Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
  if (!own) return fail(own.error());
  return fmt::format("PROXY {} {} {} {} {}\r\n", target.address.is_v4() ? "TCP4" : "TCP6",
                     own->address, target.address, own->port, target.port);
}

}  // namespace

Result<UniqueFd> connect_and_greet(const Endpoint& target, ProxyProtocol version,
                                   const os::Patience& patience) {
  auto fd = os::connect_tcp(target, patience);
  if (!fd) return fd;
  const auto header = greeting(fd->get(), target, version);
  if (!header) return fail(header.error());
  // The first bytes of a connection: the socket's buffer has room for them.
  if (!header->empty() && ::send(fd->get(), header->data(), header->size(), MSG_NOSIGNAL) < 0) {
    return fail_sys("send", errno);
  }
  return fd;
}

}  // namespace adit::probe
