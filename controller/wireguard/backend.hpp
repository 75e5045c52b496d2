// Backend: how the local worker reaches WireGuard and the kernel's network configuration: the
// kernel's own interface over netlink where the kernel has WireGuard, otherwise wireguard-go over
// its UAPI socket. Blocking, with deadlines; one thread. Addresses, MTU, up/down and kernel routes
// are rtnetlink in both.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.hpp"
#include "common/result.hpp"
#include "controller/wireguard/device.hpp"

namespace adit::wireguard {

/// rtm_protocol of every kernel route that adit makes: what else is in the table is not ours.
inline constexpr std::uint8_t kRouteProtocol = 173;

/// An address on a link with the length of its network: 10.98.0.1/20 keeps its host bits.
struct InterfaceAddress {
  IpAddress address;
  unsigned length = 0;

  auto operator<=>(const InterfaceAddress&) const = default;
};

/// The link beside WireGuard's own settings.
struct Link {
  std::string name;
  int index = 0;
  bool is_up = false;
  std::uint32_t mtu = 0;
  std::string kind;                         ///< IFLA_INFO_KIND: "wireguard", "tun", …
  std::vector<InterfaceAddress> addresses;  ///< sorted; link-local ones left out
  std::vector<IpPrefix> kernel_routes;      ///< those with protocol 173 on this link; sorted

  bool operator==(const Link&) const = default;
};

/// Which implementation carries the interface.
enum class Implementation { Kernel, Userspace };

/// "kernel" or "userspace".
std::string_view to_string(Implementation implementation);

/// Every change is idempotent: what is already so (an address that is there, a route that is gone,
/// an interface that was made before) is success. A missing privilege is Errc::Denied with the fix.
class Backend {
 public:
  virtual ~Backend() = default;

  [[nodiscard]] virtual Implementation implementation() const = 0;
  /// Errc::NotFound: no such link.
  virtual Result<Link> read_link(const std::string& name) = 0;
  /// Errc::NotFound: no such interface; Errc::Conflict: it exists but is not WireGuard.
  virtual Result<Device> read_device(const std::string& name) = 0;

  /// Makes the interface (kernel: rtnetlink; userspace: starts wireguard-go, or adopts a running
  /// one). Errc::Denied says which privilege is missing and how to give it.
  virtual Result<void> create_interface(const std::string& name) = 0;
  /// Removes the interface (userspace: ends the wireguard-go that serves it).
  virtual Result<void> delete_interface(const std::string& name) = 0;
  /// Private key, listen port, peers; peers not named are not touched. Large sets go in several
  /// messages.
  virtual Result<void> change_device(const DeviceChange& change) = 0;

  virtual Result<void> add_address(const std::string& name, const InterfaceAddress& address) = 0;
  virtual Result<void> remove_address(const std::string& name, const InterfaceAddress& address) = 0;
  virtual Result<void> set_up(const std::string& name, std::uint32_t mtu) = 0;
  /// Replaces a route of ours; a foreign one for the same prefix is Errc::Conflict and named.
  virtual Result<void> add_kernel_route(const std::string& name, const IpPrefix& prefix) = 0;
  /// Removes only routes with protocol 173.
  virtual Result<void> remove_kernel_route(const std::string& name, const IpPrefix& prefix) = 0;
};

/// Kernel where the "wireguard" generic netlink family answers or the link type can be made, else
/// userspace with sockets in `uapi_directory` (normally /var/run/wireguard) and the program
/// `wireguard_go` (a path, or a name in PATH). Needs no privilege; what it opens does.
Result<std::unique_ptr<Backend>> open_backend(const std::string& uapi_directory,
                                              const std::string& wireguard_go = "wireguard-go");

/// The second of them, whatever the kernel has.
Result<std::unique_ptr<Backend>> open_userspace_backend(const std::string& uapi_directory,
                                                        const std::string& wireguard_go);

}  // namespace adit::wireguard
