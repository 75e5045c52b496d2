// KernelBackend: the kernel's own WireGuard over generic netlink.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "controller/wireguard/link_backend.hpp"
#include "controller/wireguard/netlink_socket.hpp"

namespace adit::wireguard {

class KernelBackend final : public LinkBackend {
 public:
  /// nullptr when the kernel has no WireGuard (its module is loaded by asking, where it exists).
  static Result<std::unique_ptr<KernelBackend>> open();

  [[nodiscard]] Implementation implementation() const override { return Implementation::Kernel; }

  Result<Device> read_device(const std::string& name) override;
  Result<void> create_interface(const std::string& name) override;
  Result<void> delete_interface(const std::string& name) override;
  Result<void> change_device(const DeviceChange& change) override;

 private:
  KernelBackend(netlink::NetlinkSocket route, netlink::NetlinkSocket generic)
      : LinkBackend(std::move(route)), generic_(std::move(generic)) {}

  /// The number of the "wireguard" family; nullopt if the kernel does not know it.
  Result<std::optional<std::uint16_t>> find_family();
  /// True if a link of kind wireguard can be made: makes one under a name of its own and removes
  /// it.
  Result<bool> can_make_link();

  netlink::NetlinkSocket generic_;
  std::uint16_t family_ = 0;
};

}  // namespace adit::wireguard
