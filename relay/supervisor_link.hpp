// What the supervisor and the data process say to each other: fixed-size, versioned messages over a
// SOCK_SEQPACKET socketpair, listeners as SCM_RIGHTS. Both ends are the same binary except during a
// reload, when an old data process talks to a new supervisor: the layout of a version never
// changes, and a type that one end does not know is passed over.
//
//   data process            supervisor
//     Bind    ->  <-  BindReply           for each port of the cached table
//     Ready   ->  <-  Serve               with a successor: Drain to the process before, and
//                                         TakeOver to both first
//     Serving ->                          clients and controllers are taken from here on
//             <-  Freeze                  a reload: before the successor starts
//     Frozen  ->                          check and set are refused from here on
//             <-  Serve | Drain           the successor failed | it is ready
//             <-  TableChanged            while it drains
//     Reload  ->                          as SIGHUP
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::relay {

/// The descriptors that a data process is started with.
inline constexpr int kLinkFd = 3;
inline constexpr int kControlFd = 4;

/// One message carries the listeners of one port: at most one per worker.
inline constexpr std::size_t kMaxLinkFds = 64;

enum class LinkType : std::uint16_t {
  Bind = 1,           ///< data -> supervisor: the listeners of `address`, please
  BindReply = 2,      ///< supervisor -> data: `bound_port` and the sockets, or `sys_errno`
  Unbind = 3,         ///< data -> supervisor: shut and close the listeners of `address`
  Ready = 4,          ///< data -> supervisor: the cached table (a TableId) could be served
  Ping = 5,           ///< supervisor -> data
  Pong = 6,           ///< data -> supervisor: the answer, with the ping's id
  Drain = 7,          ///< supervisor -> data: a successor takes over; end with the last connection
  Serve = 8,          ///< supervisor -> data: take clients, controllers, check and set
  Freeze = 9,         ///< supervisor -> data: change nothing until Serve or Drain
  Frozen = 10,        ///< data -> supervisor: done; the live table is this TableId
  TableChanged = 11,  ///< data -> supervisor -> all that drain: the cache on disk is another one
  Serving = 12,       ///< data -> supervisor: the answer to Serve
  TakeOver = 13,  ///< supervisor -> both data processes of a reload: the socket by which the Drain
                  ///< that follows gives connections away, or the Serve takes them
  Reload = 14,    ///< data -> supervisor: a controller wants a reload
};

/// Which route table a process has; {0, 0}: none.
struct TableId {
  std::uint64_t revision = 0;
  std::uint64_t digest = 0;

  bool operator==(const TableId&) const = default;
};

struct LinkMessage {
  static constexpr std::uint16_t kVersion = 1;

  std::uint16_t version = kVersion;
  LinkType type = LinkType::Ping;
  std::uint32_t id = 0;           ///< of a request; repeated by its answer
  std::uint8_t family = 4;        ///< of `address`: 4 or 6
  std::uint8_t protocol = 0;      ///< of the listener: a control::Protocol
  std::uint16_t port = 0;         ///< configured; host byte order, as all of this
  std::uint16_t bound_port = 0;   ///< BindReply: the real one
  std::uint16_t count = 0;        ///< BindReply: how many sockets follow
  std::int32_t sys_errno = 0;     ///< BindReply: why there are none
  std::uint8_t address[16] = {};  ///< Ready, Frozen: the bytes of a TableId
};

static_assert(sizeof(LinkMessage) == 36 && std::is_trivially_copyable_v<LinkMessage>);

/// A message about `listener`.
LinkMessage link_message(LinkType type, std::uint32_t id, const control::ListenAddress& listener);
/// Whom a Bind, BindReply or Unbind is about.
control::ListenAddress listener_of(const LinkMessage& message);
/// A Ready or Frozen with `table`.
LinkMessage link_message(LinkType type, const TableId& table);
/// The table of a Ready or Frozen.
TableId table_of(const LinkMessage& message);

struct LinkReceived {
  LinkMessage message;
  std::vector<UniqueFd> fds;
};

/// Sends one message with `fds` (borrowed, ≤ kMaxLinkFds). Errc::Unavailable if the socket is full.
Result<void> link_send(int socket, const LinkMessage& message, std::span<const int> fds = {});

/// The next message without waiting; nullopt if there is none. Without the descriptors for which
/// there was no room in this process. Errc::NotFound at the other side's end, Errc::Protocol for
/// another version or size.
Result<std::optional<LinkReceived>> link_receive(int socket);

}  // namespace adit::relay
