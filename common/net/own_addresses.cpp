#include "common/net/own_addresses.hpp"

#include <algorithm>
#include <initializer_list>
#include <memory>

#include <ifaddrs.h>
#include <netinet/in.h>

namespace adit {

namespace {

unsigned mask_length(const sockaddr* mask) {
  const auto size = static_cast<socklen_t>(mask->sa_family == AF_INET ? sizeof(sockaddr_in)
                                                                      : sizeof(sockaddr_in6));
  // A netmask with leading ones is an address like any other; ::ffff:a.b.c.d is none.
  const auto value = Endpoint::from_sockaddr(mask, size);
  if (!value) return 0;
  unsigned length = 0;
  for (const std::uint8_t byte : value->address.bytes()) {
    length += static_cast<unsigned>(__builtin_popcount(byte));
  }
  return length;
}

bool is_in(const IpAddress& address, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view text) {
    const auto prefix = IpPrefix::parse(text);
    return prefix && prefix->contains(address);
  });
}

}  // namespace

std::vector<OwnAddress> own_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  std::vector<OwnAddress> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const auto size =
        static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    const auto endpoint = Endpoint::from_sockaddr(entry->ifa_addr, size);
    if (!endpoint) continue;
    found.push_back({entry->ifa_name, endpoint->address, mask_length(entry->ifa_netmask)});
  }
  return found;
}

bool is_link_local(const IpAddress& address) {
  return is_in(address, {"169.254.0.0/16", "fe80::/10"});
}

bool is_public(const IpAddress& address) {
  return !address.is_unspecified() && !address.is_loopback() && !is_link_local(address) &&
         !is_in(address,
                {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"});
}

}  // namespace adit
