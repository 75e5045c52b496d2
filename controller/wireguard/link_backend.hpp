// LinkBackend: the half of a Backend that is the same for kernel and userspace WireGuard: links,
// addresses and kernel routes over rtnetlink.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/wireguard/backend.hpp"
#include "controller/wireguard/netlink_socket.hpp"
#include "controller/wireguard/rtnetlink_codec.hpp"

namespace adit::wireguard {

class LinkBackend : public Backend {
 public:
  Result<Link> read_link(const std::string& name) override;
  Result<void> add_address(const std::string& name, const InterfaceAddress& address) override;
  Result<void> remove_address(const std::string& name, const InterfaceAddress& address) override;
  Result<void> set_up(const std::string& name, std::uint32_t mtu) override;
  Result<void> add_kernel_route(const std::string& name, const IpPrefix& prefix) override;
  Result<void> remove_kernel_route(const std::string& name, const IpPrefix& prefix) override;

 protected:
  explicit LinkBackend(netlink::NetlinkSocket route) : route_(std::move(route)) {}

  /// The link alone, without addresses and routes. Errc::NotFound: there is none.
  Result<Link> find_link(const std::string& name);
  /// Errc::Conflict if the name is taken, Errc::Denied without CAP_NET_ADMIN; sys_errno EOPNOTSUPP
  /// if the kernel has no such kind.
  Result<void> create_link(const std::string& name, std::string_view kind);
  /// Success also when there is none.
  Result<void> delete_link(const std::string& name);

 private:
  Result<std::vector<InterfaceAddress>> read_addresses(int index);
  Result<std::vector<netlink::RouteEntry>> read_routes(IpAddress::Family family);
  std::string describe(const netlink::RouteEntry& route);

  netlink::NetlinkSocket route_;
};

}  // namespace adit::wireguard
