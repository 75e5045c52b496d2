// By which interface a client came: what tells a device in the tunnel from somebody who only says
// so.
#pragma once

#include <string>

namespace adit::relay {

/// The name of the interface by which the handshake of the accepted TCP socket `fd` came; empty if
/// the kernel cannot tell, or the interface is gone. A client on this machine seems to come by the
/// interface that has the address to which it connected, so only the source address, which it
/// cannot choose freely, tells it from a device. Costs a few system calls. ip(7) IP_PKTINFO,
/// Linux's IP_PKTOPTIONS and IPV6_2292PKTOPTIONS.
[[nodiscard]] std::string arrival_interface(int fd);

}  // namespace adit::relay
