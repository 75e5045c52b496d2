// EndpointMemory: a Backend that keeps each peer's last endpoint over a reboot. A home behind a NAT
// cannot be called before it has called, and its WireGuard, which knows nothing of the VPS's
// reboot, goes on with the old session for two minutes. With the endpoint that it had, our side's
// keepalive makes the handshake at once, through the NAT's mapping. A stale endpoint does no harm:
// WireGuard believes the next packet that is authentic.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "controller/wireguard/backend.hpp"

namespace adit::apply {

class EndpointMemory : public wireguard::Backend {
 public:
  /// `path`: a file of the state folder, written when a handshake has come from a new endpoint.
  /// What cannot be read or written there is not remembered, and nothing else comes of it.
  EndpointMemory(std::unique_ptr<wireguard::Backend> backend, std::string path);

  [[nodiscard]] wireguard::Implementation implementation() const override;
  Result<wireguard::Link> read_link(const std::string& name) override;
  /// Notes the endpoints of peers that have made a handshake.
  Result<wireguard::Device> read_device(const std::string& name) override;
  Result<void> create_interface(const std::string& name) override;
  Result<void> delete_interface(const std::string& name) override;
  /// Gives a peer that is new to the interface the endpoint it had; forgets one that is removed.
  Result<void> change_device(const wireguard::DeviceChange& change) override;
  Result<void> add_address(const std::string& name,
                           const wireguard::InterfaceAddress& address) override;
  Result<void> remove_address(const std::string& name,
                              const wireguard::InterfaceAddress& address) override;
  Result<void> set_up(const std::string& name, std::uint32_t mtu) override;
  Result<void> add_kernel_route(const std::string& name, const IpPrefix& prefix) override;
  Result<void> remove_kernel_route(const std::string& name, const IpPrefix& prefix) override;

 private:
  void load();
  void note(const wireguard::Device& device);
  void save();

  std::unique_ptr<wireguard::Backend> backend_;
  std::string path_;
  std::map<wireguard::PublicKey, Endpoint> endpoints_;
  std::set<wireguard::PublicKey> present_;  ///< peers of the interface, as last read
};

}  // namespace adit::apply
