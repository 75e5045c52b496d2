// SourceAddresses: from which addresses of this machine one worker dials. The kernel has one range
// of ports (net.ipv4.ip_local_port_range, 28 k) for each source address and target; with further
// addresses one target can hold more connections.
//
// IP_BIND_ADDRESS_NO_PORT (ip(7)) leaves the port to connect(2), which knows the target: so a port
// is shared by connections to different targets. A connect(2) that finds no free port has looked
// at all of them, which takes milliseconds: what is used up is remembered for a moment, so that a
// crowd that comes then costs nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "relay/socket_options.hpp"

namespace adit::relay {

class SourceAddresses {
 public:
  /// The addresses besides the one that the kernel chooses.
  void set(const std::vector<IpAddress>& addresses) {
    if (addresses == addresses_) return;
    addresses_ = addresses;
    used_up_.clear();
  }

  /// A non-blocking socket that connects to `target`: see relay/socket_options.hpp. With
  /// `is_spread` from each address of the target's family in turn, the kernel's own choice among
  /// them, else from that one alone. An address whose ports are used up, or which this machine does
  /// not have, is passed over. EADDRNOTAVAIL: none has a port left for this target.
  Result<UniqueFd> dial(const Endpoint& target, bool is_spread, FirstWord first_word,
                        TimePoint now);

 private:
  /// Address `source` (0: the kernel's choice, else place + 1) had no port left for `target`.
  struct UsedUp {
    Endpoint target;
    std::size_t source = 0;
    TimePoint until;
  };

  [[nodiscard]] bool is_used_up(const Endpoint& target, std::size_t source, TimePoint now) const;
  void note_used_up(const Endpoint& target, std::size_t source, TimePoint now);

  std::vector<IpAddress> addresses_;
  std::vector<UsedUp> used_up_;
  std::size_t next_ = 0;
};

}  // namespace adit::relay
