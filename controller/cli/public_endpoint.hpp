// Where a client would reach a host: the relay's own listener on this machine, or the address that
// the name resolves to.
#pragma once

#include <string>
#include <vector>

#include "common/net/ip_address.hpp"
#include "controller/cli/json_access.hpp"

namespace adit::cli {

/// The relay's listener for public port `port` (0: the one the kernel chose), as an endpoint that
/// this machine can dial: "::" becomes ::1 where the listener is IPv6 only by name, which also
/// takes IPv4. Errc::NotFound if the relay has none open. `relay`: the member of /v1/status. PURE.
Result<Endpoint> local_listener(const Json& relay, std::uint16_t port);

/// Every address of `host` by getaddrinfo(3), with `port`; Errc::NotFound if the name has none.
Result<std::vector<Endpoint>> resolve(const std::string& host, std::uint16_t port);

}  // namespace adit::cli
