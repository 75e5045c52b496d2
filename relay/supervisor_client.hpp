// The data process's end of the link to its supervisor. Binding is a request and its answer in one
// call: the supervisor never waits for us, so we may wait for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/poll.hpp"
#include "common/uv/timer.hpp"
#include "relay/listener_store.hpp"
#include "relay/supervisor_link.hpp"

namespace adit::relay {

class SupervisorClient {
 public:
  struct Events {
    std::function<void(LinkType)> on_order;      ///< Serve, Freeze, Drain or TableChanged
    std::function<void(UniqueFd)> on_take_over;  ///< the socket of TakeOver
    std::function<void()> on_end;                ///< the supervisor is gone
  };

  static Result<std::unique_ptr<SupervisorClient>> create(uv::Loop& loop, UniqueFd link,
                                                          Events events);
  ~SupervisorClient() = default;
  SupervisorClient(const SupervisorClient&) = delete;
  SupervisorClient& operator=(const SupervisorClient&) = delete;
  SupervisorClient(SupervisorClient&&) = delete;
  SupervisorClient& operator=(SupervisorClient&&) = delete;

  /// Copies of the supervisor's sockets for `address`, bound now if they were not yet.
  Result<BoundListener> bind(const control::ListenAddress& address);
  void unbind(const control::ListenAddress& address);
  /// Ready, Frozen: with the table.
  void report(LinkType what, const TableId& table);
  /// Serving, TableChanged, Reload.
  void report(LinkType what);

 private:
  SupervisorClient(uv::Loop& loop, UniqueFd link, Events events);
  void on_readable();
  void handle(LinkReceived received);
  void handle_postponed();
  void send(const LinkMessage& message);
  Result<LinkReceived> wait_for_reply(std::uint32_t id);

  UniqueFd link_;
  uv::Poll poll_;
  uv::Async postponed_ready_;
  Events events_;
  std::uint32_t last_id_ = 0;
  std::deque<LinkReceived> postponed_;  ///< not handled yet: came while an answer was waited for
};

}  // namespace adit::relay
