// NetlinkSocket: blocking request and answer over one netlink socket (libmnl), with a deadline for
// each. Owned by one backend, used by one thread. The receive buffer is wiped after each exchange:
// a WireGuard dump holds the private key.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "controller/wireguard/netlink_message.hpp"

struct mnl_socket;

namespace adit::wireguard::netlink {

/// What the kernel answered, as an Error that says what to do: EPERM (needs CAP_NET_ADMIN) and
/// EACCES are Denied; ENODEV, ENOENT, ESRCH NotFound; EEXIST, EADDRINUSE Conflict; the kernel's own
/// text follows in brackets.
Error netlink_error(std::string_view what, const Acknowledgement& acknowledgement);

class NetlinkSocket {
 public:
  /// An answer's message; valid during the call. An error ends the exchange.
  using OnMessage = std::function<Result<void>(const MessageView&)>;

  /// `protocol`: NETLINK_ROUTE or NETLINK_GENERIC.
  static Result<NetlinkSocket> open(int protocol);

  NetlinkSocket(NetlinkSocket&&) noexcept = default;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept = default;

  /// Sends `message` (made with NLM_F_ACK) and waits for its acknowledgement. `what` begins the
  /// error's text. Errc::Unavailable when no answer came in time.
  Result<void> request(Message& message, std::string_view what,
                       const OnMessage& on_message = nullptr);

  /// A dump. `restart` is called before each attempt: the kernel breaks a dump off when what it
  /// lists changes meanwhile, and then all of it is asked again.
  Result<void> dump(Message& message, std::string_view what, const std::function<void()>& restart,
                    const OnMessage& on_message);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept;
  };

  enum class Outcome { Complete, Interrupted };

  explicit NetlinkSocket(mnl_socket* socket);
  Result<Outcome> exchange(Message& message, std::string_view what, const OnMessage& on_message);
  Result<Outcome> collect(std::string_view what, const OnMessage& on_message);
  Result<std::size_t> receive(TimePoint deadline);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t sequence_ = 0;
};

}  // namespace adit::wireguard::netlink
