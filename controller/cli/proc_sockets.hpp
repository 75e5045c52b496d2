// Who has which port: the texts of /proc/net/{tcp,tcp6,udp,udp6} (proc(5)) and the links below
// /proc/PID/fd. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace adit::cli {

/// A socket that keeps others off its port: one that listens (TCP), or any at all (UDP).
struct PortSocket {
  std::uint16_t port = 0;
  std::uint32_t uid = 0;
  std::uint64_t inode = 0;

  bool operator==(const PortSocket&) const = default;
};

enum class Transport { Tcp, Udp };

/// "443/tcp"'s second half.
std::string_view to_string(Transport transport);

/// The sockets of one such text, of either family; lines that cannot be read are left out.
std::vector<PortSocket> parse_port_sockets(std::string_view text, Transport transport);

/// The inode in a link of /proc/PID/fd, "socket:[4711]"; nothing for another kind of link.
std::optional<std::uint64_t> socket_inode(std::string_view link);

}  // namespace adit::cli
