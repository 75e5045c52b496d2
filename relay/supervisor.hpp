// The supervisor: the main process of adit-relay. It owns the lock of the state folder, the control
// socket and all listeners, starts the data process, replaces it when it dies and hands over to a
// successor on SIGHUP. It reads no byte that came from the network. One thread, poll(2), no libuv.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "common/clock.hpp"
#include "common/os/unix_socket.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "relay/data_process.hpp"
#include "relay/listener_store.hpp"
#include "relay/options.hpp"
#include "relay/supervisor_link.hpp"

namespace adit::relay {

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

  void start_current();
  void wait_for_events();
  [[nodiscard]] int milliseconds_to_wait();
  void handle_signals();
  void reap();
  void on_exit(pid_t pid, int status);
  /// Takes one message; its type. After Ready, references to processes are no longer valid.
  std::optional<LinkType> on_link(DataProcess& process);
  void on_message(DataProcess& process, const LinkMessage& message);
  void on_bind(DataProcess& process, const LinkMessage& message);
  void on_ready();
  void on_serving(DataProcess& process);
  void on_time();
  void end_all();
  [[nodiscard]] std::vector<DataProcess*> processes();

  // A reload: reload() executes the program anew; as that, freeze_current() asks the serving
  // process to change nothing; on its answer start_successor(); when that is ready, it takes over.
  // However it fails, abandon_reload() lets the old process serve on.
  void reload();
  void freeze_current();
  void start_successor();
  /// Why the successor, which has `table`, must not take over; empty: it may.
  [[nodiscard]] std::string flaw_of_successor(const TableId& table) const;
  void on_successor_ready(const TableId& table);
  void abandon_reload(std::string_view why);

  Options options_;
  std::vector<std::string> arguments_;
  std::string program_;  ///< the file that a reload executes
  UniqueFd signals_;
  SupervisorState state_;  ///< its `processes` only hold what drains
  os::SocketFile control_file_;
  std::optional<DataProcess> current_;
  std::optional<DataProcess> successor_;
  std::optional<TimePoint> freeze_until_;  ///< asked for, not yet answered
  TableId frozen_table_;                   ///< what `current_` serves while there is a successor
  std::optional<TimePoint> restart_at_;
  Milliseconds back_off_{0};
  TimePoint ping_at_;
  bool is_stopping_ = false;
  bool is_reload_wanted_ = false;  ///< by a signal or a controller, in this turn
  int exit_status_ = 0;
};

}  // namespace adit::relay
