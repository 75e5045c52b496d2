// Any datagram: every netlink decoder over every message of it, none of which may read past its
// span.
#include <cstdint>
#include <span>

#include "controller/wireguard/netlink_codec.hpp"
#include "controller/wireguard/rtnetlink_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace netlink = adit::wireguard::netlink;
  const auto messages = netlink::split_datagram(std::span(data, size));
  if (!messages) return 0;
  netlink::DeviceDump dump;
  for (const auto& message : *messages) {
    (void)netlink::parse_acknowledgement(message);
    (void)netlink::decode_get_family(message);
    (void)netlink::decode_link(message);
    (void)netlink::decode_address(message, 2);
    (void)netlink::decode_route(message);
    (void)dump.add(message);
  }
  (void)dump.take();
  return 0;
}
