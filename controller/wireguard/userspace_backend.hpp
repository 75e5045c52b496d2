// UserspaceBackend: wireguard-go over its UAPI socket, for kernels without WireGuard. The process
// belongs to nobody: a running one is adopted, and it ends when its interface is deleted.
#pragma once

#include <memory>
#include <string>

#include "controller/wireguard/link_backend.hpp"
#include "controller/wireguard/uapi_client.hpp"

namespace adit::wireguard {

class UserspaceBackend final : public LinkBackend {
 public:
  /// `uapi_directory`: where it looks for NAME.sock (wireguard-go's own is fixed:
  /// /var/run/wireguard). `program`: wireguard-go, a path or a name in PATH.
  static Result<std::unique_ptr<UserspaceBackend>> open(const std::string& uapi_directory,
                                                        const std::string& program);

  [[nodiscard]] Implementation implementation() const override { return Implementation::Userspace; }

  Result<Device> read_device(const std::string& name) override;
  Result<void> create_interface(const std::string& name) override;
  Result<void> delete_interface(const std::string& name) override;
  Result<void> change_device(const DeviceChange& change) override;

 private:
  UserspaceBackend(netlink::NetlinkSocket route, std::string uapi_directory, std::string program)
      : LinkBackend(std::move(route)),
        uapi_directory_(std::move(uapi_directory)),
        program_(std::move(program)) {}

  [[nodiscard]] std::string socket_path(const std::string& name) const;
  /// A connection to the process that serves `name`. NotFound: neither link nor process; Conflict:
  /// the link is there but nobody serves it.
  Result<UapiClient> connect(const std::string& name);
  /// A refused port leaves the device without any socket: then the old one is set again.
  static Result<void> change_listen_port(UapiClient& client, const std::string& name,
                                         std::uint16_t port);

  std::string uapi_directory_;
  std::string program_;
};

}  // namespace adit::wireguard
