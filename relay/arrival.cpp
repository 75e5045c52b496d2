#include "relay/arrival.hpp"

#include <array>
#include <cstring>
#include <span>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace adit::relay {

namespace {

// <linux/in.h> and <linux/in6.h>, which cannot stand beside <netinet/in.h>.
constexpr int kIpPktOptions = 9;        // IP_PKTOPTIONS
constexpr int kIpv6PktOptions2292 = 6;  // IPV6_2292PKTOPTIONS

/// The index in what getsockopt(2) wrote: control messages, as recvmsg(2) would have them.
template <class Info>
unsigned index_in(std::span<char> control, int level, int type, unsigned (*index)(const Info&)) {
  msghdr message{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
       each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != level || each->cmsg_type != type) continue;
    if (each->cmsg_len < CMSG_LEN(sizeof(Info))) continue;
    Info info{};
    std::memcpy(&info, CMSG_DATA(each), sizeof info);
    return index(info);
  }
  return 0;
}

/// Asks for the packet information of `fd` by switching it on for so long: a TCP socket keeps the
/// interface of its handshake only as long as no later packet may replace it.
template <class Info>
unsigned ask(int fd, int level, int receive, int query, int type, unsigned (*index)(const Info&)) {
  alignas(cmsghdr) std::array<char, 256> control{};
  auto size = static_cast<socklen_t>(control.size());
  int on = 1;
  if (::setsockopt(fd, level, receive, &on, sizeof on) != 0) return 0;
  const int result = ::getsockopt(fd, level, query, control.data(), &size);
  on = 0;
  static_cast<void>(::setsockopt(fd, level, receive, &on, sizeof on));
  if (result != 0) return 0;
  return index_in<Info>(std::span(control).first(size), level, type, index);
}

unsigned index_of_v4(int fd) {
  return ask<in_pktinfo>(
      fd, IPPROTO_IP, IP_PKTINFO, kIpPktOptions, IP_PKTINFO,
      [](const in_pktinfo& info) { return static_cast<unsigned>(info.ipi_ifindex); });
}

unsigned index_of_v6(int fd) {
  return ask<in6_pktinfo>(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, kIpv6PktOptions2292, IPV6_PKTINFO,
                          [](const in6_pktinfo& info) { return info.ipi6_ifindex; });
}

}  // namespace

std::string arrival_interface(int fd) {
  int family = 0;
  socklen_t size = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return {};
  // A client with an IPv4 address is on an IPv6 socket where the listener is dual-stack.
  const unsigned index = family == AF_INET6 ? index_of_v6(fd) : index_of_v4(fd);
  if (index == 0) return {};
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  if (::ioctl(fd, SIOCGIFNAME, &request) != 0) return {};
  return {request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name)};
}

}  // namespace adit::relay
