// By which interface a client came: what tells a device in the tunnel from somebody who only says
// so.
#pragma once

#include <string>

namespace adit::relay {

/// The name of the interface by which the handshake of the accepted TCP socket `fd` came ("lo" for
/// a client on this machine); empty if the kernel cannot tell, or the interface is gone. Costs a
/// few system calls. ip(7) IP_PKTINFO, Linux's IP_PKTOPTIONS and IPV6_2292PKTOPTIONS.
[[nodiscard]] std::string arrival_interface(int fd);

}  // namespace adit::relay
