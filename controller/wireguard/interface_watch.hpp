// InterfaceWatch: hears from the kernel when anybody changes a network interface: the link itself,
// its addresses, kernel routes through it (the multicast groups of rtnetlink(7)). What changes
// inside WireGuard, peers and handshakes, the kernel tells nobody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/result.hpp"

struct mnl_socket;

namespace adit::wireguard {

/// One thread; needs no privilege.
class InterfaceWatch {
 public:
  /// Listens for what happens to the interface `name`, which need not exist yet.
  static Result<InterfaceWatch> open(std::string name);

  /// Readable when there is something to be read; borrowed.
  [[nodiscard]] int fd() const;

  /// Reads all that has come, without waiting. True if any of it is about the interface, or if the
  /// kernel had to drop some of it.
  bool read_all();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept;
  };

  InterfaceWatch(mnl_socket* socket, std::string name);
  /// Whether anything in `datagram` is about the interface.
  bool is_about_it(std::size_t size);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::string name_;
  int index_ = 0;  ///< of the interface, as last heard; addresses and routes name no other thing
  std::vector<std::uint8_t> buffer_;
};

}  // namespace adit::wireguard
