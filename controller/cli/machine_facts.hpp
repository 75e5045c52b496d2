// What `adit init` looks at on the machine itself: who has which port, whether there is WireGuard,
// the clock, the addresses. Only looks: no system call here changes anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "common/net/own_addresses.hpp"
#include "controller/cli/proc_sockets.hpp"

namespace adit::cli {

/// A port that somebody has.
struct PortUse {
  std::uint16_t port = 0;
  Transport transport = Transport::Tcp;
  std::string user;     ///< whose it is: a name, or the uid
  pid_t pid = 0;        ///< 0: not to be seen; only root sees the files of others
  std::string program;  ///< /proc/PID/comm
};

struct MachineFacts {
  std::vector<PortUse> ports;  ///< of the ports that were asked for
  bool has_kernel_wireguard = false;
  bool has_wireguard_go = false;
  bool has_tun = false;  ///< /dev/net/tun, which wireguard-go needs
  bool is_clock_synchronised = false;
  std::int64_t now = 0;  ///< seconds since 1970
  std::vector<OwnAddress> addresses;
  bool is_root = false;
  bool has_systemd = false;  ///< it is what booted this machine (sd_booted(3))
};

struct WantedPort {
  std::uint16_t port = 0;
  Transport transport = Transport::Tcp;
};

/// True if the text of a modules.builtin or modules.dep of /lib/modules/RELEASE names WireGuard.
/// PURE.
bool names_wireguard(std::string_view modules);

/// Looks; what cannot be looked at counts as not there. `proc`: /proc.
MachineFacts look_at_machine(const std::vector<WantedPort>& ports,
                             const std::string& proc = "/proc");

}  // namespace adit::cli
