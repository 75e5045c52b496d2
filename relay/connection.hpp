// Connection: one client and its target, from accept to the last byte. A state machine without
// parsing and without policy; everything happens in advance() and on_deadline().
//
//   AwaitingHello -- whole hello, a route -----> Connecting    (target dialled)
//                 -- no route, malformed, ... -> Answering     (alert or status sent)
//                 -- client left --------------> Closed
//   Connecting    -- target accepted ----------> SendingHello
//                 -- target down, timeout -----> Answering
//                 -- client reset -------------> Closed
//   SendingHello  -- held bytes written -------> Relaying
//   Relaying      -- both FINs passed on, a reset passed on, idle, route removed -> Closed
//   Answering     -- client closed, or briefly no more -> Closed
//
// On a port of plain HTTP the hello is the head of the first request, which may be answered here
// (connection_http.cpp); from Connecting on there is no difference.
//
// It is owned by its worker's list, which the trampolines ask to erase it as their last act.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/clock.hpp"
#include "common/host_name.hpp"
#include "common/net/ip_address.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/poll.hpp"
#include "relay/close_reason.hpp"
#include "relay/hello_buffers.hpp"
#include "relay/pump.hpp"
#include "relay/route_table.hpp"
#include "relay/timer_wheel.hpp"
#include "relay/tls_alert.hpp"

namespace adit::relay {

class Worker;
struct ConnectionState;
struct MovedConnection;

class Connection final : public TimerNode {
 public:
  /// The values go to a successor: a new state comes last but for Closed, which never goes.
  enum class State : std::uint8_t {
    AwaitingHello,
    Connecting,
    SendingHello,
    Relaying,
    Answering,
    Closed
  };
  enum class [[nodiscard]] Next : std::uint8_t{Continue, Finished};

  /// A client that was admitted. `worker` outlives the connection.
  Connection(Worker& worker, std::uint64_t id, UniqueFd fd, const Endpoint& client,
             control::PublicPort port);
  /// One that another process had until now; `moved` was found sound by check_moved().
  Connection(Worker& worker, MovedConnection moved);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection(Connection&&) = delete;
  Connection& operator=(Connection&&) = delete;

  /// Begins to wait for the hello.
  Next start();

  /// Its deadline has come (or what was its deadline when it was armed). It may be gone afterwards.
  static void fire(Connection& connection) { finish_event(connection, connection.on_deadline()); }

  // --- live take-over (connection_takeover.cpp)

  /// Stops: nothing is read or written, and no event comes, until go_on(). Its deadline is the
  /// worker's to cancel.
  void suspend();
  /// The opposite; `deadline` is the one that it had.
  void go_on(TimePoint deadline);
  /// Everything of it that is not in the kernel but what the worker knows (the deadline and how its
  /// route stands to the table). `fds` gets its descriptors, which stay its own.
  void save(ConnectionState& state, std::vector<int>& fds) const;
  /// After the constructor for a moved one: watches its sockets. It may be gone afterwards.
  void start_moved(TimePoint deadline);

  /// From outside: the relay ends, the route is gone.
  void end(CloseReason reason);

  [[nodiscard]] std::uint64_t id() const { return id_; }

  [[nodiscard]] const Endpoint& client() const { return client_address_; }

  [[nodiscard]] const std::optional<HostName>& host() const { return host_; }

  /// Null until the hello was read.
  [[nodiscard]] const std::shared_ptr<const Route>& route() const { return route_; }

  /// What its route makes it dial; once there is a route.
  [[nodiscard]] const Endpoint& target() const {
    return is_http() ? route_->spec.http->target : route_->spec.targets.front().endpoint;
  }

  [[nodiscard]] State state() const { return state_; }

  [[nodiscard]] const control::PublicPort& port() const { return port_; }

  [[nodiscard]] CloseReason reason() const { return reason_; }

  [[nodiscard]] std::uint64_t bytes_to_target() const { return bytes_to_target_; }

  [[nodiscard]] std::uint64_t bytes_to_client() const { return bytes_to_client_; }

  [[nodiscard]] std::uint64_t spliced_bytes() const { return spliced_bytes_; }

  [[nodiscard]] TimePoint started() const { return started_; }

  /// Its place in the worker's list.
  std::list<Connection>::iterator place;

 private:
  enum class Peer : std::uint8_t { Client, Target };

  struct Side {
    UniqueFd fd;  // before poll: members die in reverse, so the poll closes first
    uv::Poll poll;
    bool has_hung_up = false;  ///< its FIN was seen while nothing is read from it
    bool is_noisy = false;     ///< PRIORITIZED fires without a reset: see reset_interest
  };

  static void on_client(void* context, int status, int events) noexcept;
  static void on_target(void* context, int status, int events) noexcept;
  static void finish_event(Connection& connection, Next next);

  Next on_deadline();
  Next advance(Peer peer, int status, int events);
  Next read_hello(int status);
  Next take_hello(ParseStatus status);
  Next choose_route();
  Next take_head(HeadStatus status);
  Next choose_http_route(const HttpHead& head);
  Next take_route(std::shared_ptr<const Route> route);
  Next dial_target();
  Next while_connecting(Peer peer, int status, int events);
  Next on_connected();
  Next send_hello();
  Next relay(Peer peer, int status, int events);
  Next pump_to(Peer sink);
  Next on_prioritized(Peer peer);
  Next on_broken(Peer peer, int error);
  Next linger(int status);
  Next refuse(CloseReason reason, std::optional<Alert> alert);
  Next refuse_http(CloseReason reason, unsigned code);
  Next refuse_unreachable(CloseReason reason);
  Next watch_moved();
  Next answer(CloseReason reason, std::span<const std::uint8_t> bytes);
  Next finish(CloseReason reason);
  void enter_relaying();
  void leave_hello();
  void count_moved();
  void update_interest();
  [[nodiscard]] static int reset_interest(const Side& side, bool has_ended);
  [[nodiscard]] static int relay_interest(const Side& side, const Pump& from, const Pump& to);
  [[nodiscard]] int client_interest() const;
  [[nodiscard]] int target_interest() const;
  [[nodiscard]] Milliseconds silence_allowed() const;

  [[nodiscard]] bool is_http() const { return port_.protocol == control::Protocol::Http; }

  // Every member goes to a successor: a new one (and one of Side, Pump or HelloBuffer) needs a
  // member at the end of ConnectionFlat, and its place in save() and in the second constructor.
  Worker* worker_;
  Side client_;
  Side target_;
  Pump to_target_;
  Pump to_client_;
  std::unique_ptr<HelloBuffer> hello_;  ///< while bytes of the hello are held
  std::shared_ptr<const Route> route_;
  std::optional<HostName> host_;
  std::uint64_t id_;
  std::uint64_t bytes_to_target_ = 0;
  std::uint64_t bytes_to_client_ = 0;
  std::uint64_t spliced_bytes_ = 0;
  TimePoint started_;
  TimePoint last_activity_;
  Endpoint client_address_;
  control::PublicPort port_;      ///< of the listener
  bool is_client_early_ = false;  ///< it sent something before its target was connected
  State state_ = State::AwaitingHello;
  CloseReason reason_ = CloseReason::InternalError;
  std::uint32_t lingered_bytes_ = 0;
};

}  // namespace adit::relay
