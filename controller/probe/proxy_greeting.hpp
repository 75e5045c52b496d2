// A connection to a target that wants to be told first who its client is (`proxy_protocol:`): what
// looks at such a target says that it speaks for itself (haproxy's doc/proxy-protocol.txt §2).
#pragma once

#include "common/control/messages.hpp"
#include "common/net/ip_address.hpp"
#include "common/os/wait.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::probe {

/// As os::connect_tcp, with the header of `version` sent: v1 with the connection's own addresses
/// (as the specification wants of checks), v2 as LOCAL; none for None.
Result<UniqueFd> connect_and_greet(const Endpoint& target, control::ProxyProtocol version,
                                   const os::Patience& patience);

}  // namespace adit::probe
