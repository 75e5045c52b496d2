// The supervisor: the main process of adit-relay. It owns the lock of the state folder, the control
// socket and all listeners, starts the data process, replaces it when it dies and hands over to a
// successor on SIGHUP. It reads no byte that came from the network. One thread, poll(2), no libuv.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "relay/listener_store.hpp"
#include "relay/options.hpp"
#include "relay/supervisor_link.hpp"

namespace adit::relay {

/// A data process that ends with this status cannot work here at all; the supervisor ends too.
inline constexpr int kExitCannotServe = 3;

struct DataProcess {
  pid_t pid = -1;
  UniqueFd link;
  bool is_ready = false;
  TimePoint started;
  std::set<control::ListenAddress> listeners;  ///< asked for by it
};

/// What a supervisor hands to the program that it becomes on SIGHUP.
struct SupervisorState {
  UniqueFd lock;
  UniqueFd control;
  ListenerStore listeners;
  std::vector<DataProcess> processes;  ///< the serving one first, then the draining ones
};

class Supervisor {
 public:
  /// Takes the lock, opens the control socket, gives up privileges. `arguments`: the whole command
  /// line, for a reload. Takes over what an earlier program of this process left, if it did.
  static Result<Supervisor> create(Options options, std::vector<std::string> arguments);

  /// Serves until SIGTERM or SIGINT; the exit status.
  int run();

 private:
  Supervisor(Options options, std::vector<std::string> arguments, std::string program,
             UniqueFd signals, SupervisorState state);

  [[nodiscard]] Result<DataProcess> start_data_process() const;
  void start_current();
  void start_successor();
  void wait_for_events();
  [[nodiscard]] int milliseconds_to_wait() const;
  void handle_signals();
  void reap();
  void on_exit(pid_t pid, int status);
  /// Takes one message; its type. After Ready, references to processes are no longer valid.
  std::optional<LinkType> on_link(DataProcess& process);
  void on_message(DataProcess& process, const LinkMessage& message);
  void on_bind(DataProcess& process, const LinkMessage& message);
  void on_ready(DataProcess& process);
  void on_time();
  void reload();
  void end_all();
  [[nodiscard]] std::vector<DataProcess*> processes();

  Options options_;
  std::vector<std::string> arguments_;
  std::string program_;  ///< the file that a reload executes
  UniqueFd signals_;
  SupervisorState state_;  ///< its `processes` only hold what drains
  std::optional<DataProcess> current_;
  std::optional<DataProcess> successor_;
  std::optional<TimePoint> restart_at_;
  Milliseconds back_off_{0};
  TimePoint ping_at_;
  bool is_stopping_ = false;
  int exit_status_ = 0;
};

}  // namespace adit::relay
