// Connection: one client and its target, from accept to the last byte. A state machine without
// parsing and without policy; everything happens in advance() and on_deadline().
//
//   AwaitingHello -- whole hello, a route -----> Connecting    (target dialled)
//                 -- no route, malformed, ... -> Answering     (alert or status sent)
//                 -- client left --------------> Closed
//                 -- its site is away -------> Holding
//   Holding       -- the site is up -----------> Connecting
//                 -- for too long -------------> Answering
//                 -- client left --------------> Closed
//   Connecting    -- target accepted ----------> SendingHello
//                 -- target down, its time over > Connecting    (the next target)
//                 -- no target left, timeout --> Answering
//                 -- client reset -------------> Closed
//   SendingHello  -- held bytes written -------> Relaying
//   Relaying      -- both FINs passed on, a reset passed on, idle, route removed -> Closed
//   Answering     -- client closed, or briefly no more -> Closed
//
// On a raw port nothing is read first: the target is dialled at once, and Relaying follows.
// A load balancer says first who the client is, by a PROXY header, which is part of AwaitingHello;
// a target may be told the same before the held bytes (connection_proxy.cpp).
//
// On a port of plain HTTP the hello is the head of the first request, which may be answered here
// (connection_http.cpp); from Connecting on there is no difference.
//
// It is owned by its worker's list, which the trampolines ask to erase it as their last act.
#pragma once

#include <array>
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
#include "common/uv/poll_set.hpp"
#include "relay/close_reason.hpp"
#include "relay/hello_buffers.hpp"
#include "relay/pump.hpp"
#include "relay/route_table.hpp"
#include "relay/target_choice.hpp"
#include "relay/throttle.hpp"
#include "relay/timer_wheel.hpp"
#include "relay/tls_alert.hpp"

namespace adit::relay {

class Worker;
struct ConnectionFlat;
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
    Holding,
    Closed
  };
  enum class [[nodiscard]] Next : std::uint8_t{Continue, Finished};

  /// Who connects: the client itself, or a load balancer that will say for whom.
  enum class Origin : std::uint8_t { Client, Balancer };

  /// A client that was admitted, or a load balancer that was admitted without a client. `worker`
  /// outlives the connection.
  Connection(Worker& worker, std::uint64_t id, UniqueFd fd, const Endpoint& client,
             control::PublicPort port, Origin origin = Origin::Client);
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
  /// Likewise, with a reset to both sides.
  void kill();

  /// Whether it waits for the site of its route, which site_is_up() ends. It may be gone after
  /// that.
  [[nodiscard]] bool is_held() const;
  void site_is_up();

  /// What is to be told of it now, or after its end. On its worker's thread.
  [[nodiscard]] control::ConnectionRecord record() const;

  [[nodiscard]] std::uint64_t id() const { return id_; }

  /// As the load balancer says it, if one does.
  [[nodiscard]] const Endpoint& client() const { return client_address_; }

  /// It is a load balancer's, for no client that is known: counted over all only.
  [[nodiscard]] bool is_unnamed() const { return is_unnamed_; }

  [[nodiscard]] const std::optional<HostName>& host() const { return host_; }

  /// Null until the hello was read.
  [[nodiscard]] const std::shared_ptr<const Route>& route() const { return route_; }

  /// The target that it dials or has dialled last; once there is a route.
  [[nodiscard]] const Endpoint& target() const { return dialling_.target; }

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
    uv::Watch poll;
    bool has_hung_up = false;  ///< its FIN was seen while nothing is read from it
    bool is_noisy = false;     ///< PRIORITIZED fires without a reset: see reset_interest
  };

  /// The targets of its route, as they are dialled one after the other.
  struct Dialling {
    Endpoint target;
    TimePoint until;      ///< when timeouts.connect is over
    TimePoint began;      ///< with this target; by the clock itself
    TargetSet tried = 0;  ///< by place in the route
    std::uint8_t place = 0;
  };

  /// Of a connection whose route has a bandwidth.
  struct Shaper {
    std::array<Throttle, 2> ways;      ///< by Way
    std::shared_ptr<Lines> of_client;  ///< null: none when it came
  };

  static void on_client(void* context, int status, int events) noexcept;
  static void on_target(void* context, int status, int events) noexcept;
  static void finish_event(Connection& connection, Next next);

  Next on_deadline();
  Next advance(Peer peer, int status, int events);
  Next read_hello(int status);
  Next take_proxy_header();
  Next believe_proxy_header();
  Next parse_hello();
  Next take_hello(ParseStatus status);
  Next choose_route();
  Next choose_raw_route();
  Next take_head(HeadStatus status);
  Next choose_http_route(const HttpHead& head);
  void keep_one_request(const HttpHead& head);
  Next take_route(std::shared_ptr<const Route> route);
  Next dial_or_hold();
  Next while_holding(int status, int events);
  [[nodiscard]] bool is_kept_out() const;
  [[nodiscard]] bool may_use(const Route& route) const;
  Next refuse_kept_out();
  Next refuse_over_limit(CloseReason reason);
  std::optional<CloseReason> enter_route(const Route& route);
  void leave_route();
  void save_hello(ConnectionState& state) const;
  void save_dialling(ConnectionFlat& flat) const;
  [[nodiscard]] static Dialling dialling_of(const ConnectionFlat& flat);
  void restore_route(const ConnectionState& state);
  void restore_hello(const ConnectionState& state);
  Next dial_target();
  Next dial_next(CloseReason failure);
  Next fail_over(CloseReason reason);
  std::optional<CloseReason> begin_attempt();
  bool take_next_target();
  void note_failure(CloseReason reason);
  Next while_connecting(Peer peer, int status, int events);
  Next on_connected(int status);
  [[nodiscard]] control::ProxyProtocol proxy_protocol() const;
  bool write_proxy_header();
  Next send_hello();
  Next relay(Peer peer, int status, int events);
  Next pump_to(Peer sink);
  PumpStatus pump_within_bandwidth(Way way, Pump& pump, const Side& from, const Side& to);
  [[nodiscard]] LinePair lines_of(Way way) const;
  [[nodiscard]] bool is_throttled(Way way) const;
  [[nodiscard]] bool is_throttled() const;
  Next resume_throttled();
  void arm_relaying();
  Next on_prioritized(Peer peer);
  Next on_broken(Peer peer, int error);
  Next linger(int status);
  Next refuse(CloseReason reason, std::optional<Alert> alert);
  Next refuse_http(CloseReason reason, unsigned code);
  Next refuse_raw(CloseReason reason);
  Next refuse_unreachable(CloseReason reason);
  void watch_moved();
  Next go_on_moved();
  Next answer(CloseReason reason, std::span<const std::uint8_t> bytes);
  Next finish(CloseReason reason);
  void enter_relaying();
  void leave_hello();
  void leave_hold();
  void count_moved();
  Next update_interest();
  [[nodiscard]] static int reset_interest(const Side& side, bool has_ended);
  [[nodiscard]] static int relay_interest(const Side& side, const Pump& from, const Pump& to,
                                          bool is_throttled);
  [[nodiscard]] int client_interest() const;
  [[nodiscard]] int target_interest() const;
  [[nodiscard]] Milliseconds silence_allowed() const;
  [[nodiscard]] const Endpoint* only_target() const;
  [[nodiscard]] HealthRecord* health() const;

  /// Some bytes of the hello itself have come.
  [[nodiscard]] bool has_begun() const {
    return hello_ && !awaits_proxy_header_ && !hello_->bytes.empty();
  }

  [[nodiscard]] bool is_http() const { return port_.protocol == control::Protocol::Http; }

  [[nodiscard]] bool is_raw() const { return port_.protocol == control::Protocol::Raw; }

  // Every member but is_kept_alive_ goes to a successor: a new one (and one of Side, Pump or
  // HelloBuffer) needs a member at the end of ConnectionFlat, and its place in save() and in the
  // second constructor.
  Worker* worker_;
  Side client_;
  Side target_;
  Pump to_target_;
  Pump to_client_;
  std::unique_ptr<HelloBuffer> hello_;  ///< while bytes of the hello are held
  std::shared_ptr<const Route> route_;
  const Endpoint* alpn_target_ = nullptr;  ///< in route_: what the client's protocols lead to
  std::unique_ptr<Shaper> shaper_;         ///< null: no bandwidth has held for it yet
  std::optional<HostName> host_;
  std::uint64_t id_;
  std::uint64_t bytes_to_target_ = 0;
  std::uint64_t bytes_to_client_ = 0;
  std::uint64_t spliced_bytes_ = 0;
  std::size_t held_bytes_ = 0;  ///< what Holding counts for
  TimePoint started_;
  TimePoint last_activity_;
  std::uint64_t connect_us_ = 0;  ///< what the target needed to accept; 0: it has not
  Endpoint client_address_;
  Dialling dialling_;
  control::PublicPort port_;  ///< of the listener
  bool awaits_proxy_header_;
  bool is_unnamed_;
  bool has_seat_ = false;         ///< it counts among its client's connections to the route
  bool is_one_request_ = false;   ///< what the client sends behind its head is not for the target
  bool is_kept_alive_ = false;    ///< its target's side has a keepalive; a successor sets it anew
  bool is_client_early_ = false;  ///< it sent something before its target was connected
  State state_ = State::AwaitingHello;
  CloseReason reason_ = CloseReason::InternalError;
  std::uint32_t lingered_bytes_ = 0;
};

}  // namespace adit::relay
