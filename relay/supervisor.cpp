#include "relay/supervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include <linux/capability.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.hpp"
#include "common/os/files.hpp"
#include "common/os/privileges.hpp"
#include "common/os/sd_notify.hpp"
#include "relay/handover.hpp"
#include "relay/resource_limits.hpp"

namespace adit::relay {

namespace {

constexpr Milliseconds kLongestBackOff{1000};
constexpr Milliseconds kEndTime{800};  ///< SIGTERM has to be done within 1 s

/// Blocks the signals that we wait for and returns the descriptor on which they come.
Result<UniqueFd> watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, number);
  if (::sigprocmask(SIG_SETMASK, &set, nullptr) != 0) return fail_sys("block signals", errno);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.is_open()) return fail_sys("watch signals", errno);
  return fd;
}

Result<void> give_up_privileges() {
  if (::geteuid() == 0) {
    log::warning(
        "adit-relay: running as root; every capability but CAP_NET_BIND_SERVICE is given up; "
        "continuing");
  }
  // For children: a reload executes the program anew and must still be able to bind. The data
  // process gives up this one as well.
  return os::keep_only({CAP_NET_BIND_SERVICE}, true);
}

/// It is not ours to make: whoever makes it decides who may come to the socket.
Result<void> check_control_folder(const Options& options) {
  const auto folder = std::filesystem::path(options.control_path).parent_path();
  std::error_code ignored;
  if (folder == options.state_dir || std::filesystem::is_directory(folder, ignored)) return {};
  return fail(
      Errc::NotFound,
      fmt::format("control socket: there is no folder {}; make the folder, or use --control",
                  folder.string()));
}

Result<SupervisorState> open_state(const Options& options) {
  auto left = take_handover();
  if (!left) return fail(std::move(left).error());
  if (*left) return std::move(**left);
  if (auto there = check_control_folder(options); !there) return fail(std::move(there).error());
  SupervisorState state;
  if (auto made = os::make_directories(options.state_dir, 0700); !made) {
    return fail(std::move(made).error());
  }
  auto lock = os::lock_directory(options.state_dir);
  if (!lock) return fail(lock.error().within("state folder"));
  state.lock = std::move(*lock);
  auto control = os::listen_unix(options.control_path, 0660);
  if (!control) return fail(control.error().within("control socket"));
  state.control = std::move(*control);
  return state;
}

}  // namespace

Result<Supervisor> Supervisor::create(Options options, std::vector<std::string> arguments) {
  raise_descriptor_limit();  // listeners: one for each address, port and worker
  auto signals = watch_signals();
  if (!signals) return fail(std::move(signals).error());
  auto state = open_state(options);
  if (!state) return fail(std::move(state).error());
  if (auto given_up = give_up_privileges(); !given_up) return fail(std::move(given_up).error());
  return Supervisor(std::move(options), std::move(arguments), program_file(), std::move(*signals),
                    std::move(*state));
}

Supervisor::Supervisor(Options options, std::vector<std::string> arguments, std::string program,
                       UniqueFd signals, SupervisorState state)
    : options_(std::move(options)),
      arguments_(std::move(arguments)),
      program_(std::move(program)),
      signals_(std::move(signals)),
      state_(std::move(state)),
      control_file_(os::SocketFile::at(options_.control_path)) {
  for (DataProcess& left : state_.processes) {
    if (!left.link.is_open()) left.end();  // it was told to: its time begins anew
  }
  if (state_.processes.empty()) return;
  current_ = std::move(state_.processes.front());
  state_.processes.erase(state_.processes.begin());
}

int Supervisor::run() {
  reap();  // one that ended during a reload
  if (current_) {
    freeze_current();
  } else {
    start_current();
  }
  while (!is_stopping_) wait_for_events();
  end_all();
  return exit_status_;
}

void Supervisor::start_current() {
  restart_at_.reset();
  auto process = start_data_process(options_, state_.control.get());
  if (process) {
    current_ = std::move(*process);
    return;
  }
  log::error("adit-relay: {}; trying again", process.error().what);
  back_off_ = kLongestBackOff;
  restart_at_ = SteadyClock::now() + back_off_;
}

std::vector<DataProcess*> Supervisor::processes() {
  std::vector<DataProcess*> all;
  if (current_) all.push_back(&*current_);
  if (successor_) all.push_back(&*successor_);
  for (DataProcess& process : state_.processes) all.push_back(&process);
  return all;
}

void Supervisor::wait_for_events() {
  const std::vector<DataProcess*> all = processes();
  std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}};
  for (const DataProcess* process : all) watched.push_back({process->link.get(), POLLIN, 0});
  if (::poll(watched.data(), watched.size(), milliseconds_to_wait()) > 0) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      // Readiness may move the processes; poll(2) tells again what is left.
      if (watched[i + 1].revents != 0 && on_link(*all[i]) == LinkType::Ready) break;
    }
    if (watched[0].revents != 0) handle_signals();
    if (std::exchange(is_reload_wanted_, false) && !is_stopping_) reload();
  }
  on_time();
}

int Supervisor::milliseconds_to_wait() {
  std::optional<TimePoint> next;
  const auto consider = [&](TimePoint time) { next = next ? std::min(*next, time) : time; };
  if (!current_ && restart_at_) consider(*restart_at_);
  if (freeze_until_) consider(*freeze_until_);
  for (const DataProcess* process : processes()) {
    if (process->kill_at) consider(*process->kill_at);
  }
  if (current_ && current_->is_ready && os::watchdog_interval()) consider(ping_at_);
  if (!next) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(*next - SteadyClock::now());
  return static_cast<int>(std::max(left, Milliseconds{0}).count());
}

void Supervisor::handle_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) reap();
    is_reload_wanted_ = is_reload_wanted_ || info.ssi_signo == SIGHUP;
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) is_stopping_ = true;
  }
}

void Supervisor::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) on_exit(pid, status);
}

void Supervisor::on_exit(pid_t pid, int status) {
  if (successor_ && successor_->pid == pid) {
    successor_.reset();
    if (!is_stopping_) abandon_reload("the new data process ended");
  } else if (current_ && current_->pid == pid) {
    const bool could_serve = current_->is_ready;
    const std::string how = WIFSIGNALED(status) ? fmt::format("signal={}", WTERMSIG(status))
                                                : fmt::format("status={}", WEXITSTATUS(status));
    current_.reset();
    freeze_until_.reset();
    if (is_stopping_) return;
    if (successor_) {
      log::error("adit-relay: data process ended, its successor goes on pid={} {}", pid, how);
      current_ = std::exchange(successor_, std::nullopt);
      return;
    }
    if (!could_serve && WIFEXITED(status) && WEXITSTATUS(status) == kExitCannotServe) {
      is_stopping_ = true;
      exit_status_ = 1;
      return;
    }
    log::error("adit-relay: data process ended, starting another pid={} {}", pid, how);
    // At once after one that served; else ever more slowly.
    back_off_ = could_serve ? Milliseconds{0}
                            : std::clamp(2 * back_off_, Milliseconds{10}, kLongestBackOff);
    restart_at_ = SteadyClock::now() + back_off_;
  } else {
    std::erase_if(state_.processes, [&](const DataProcess& old) { return old.pid == pid; });
  }
}

std::optional<LinkType> Supervisor::on_link(DataProcess& process) {
  auto received = link_receive(process.link.get());
  if (!received) {
    process.end();
    return std::nullopt;
  }
  if (!*received) return std::nullopt;
  const LinkMessage message = (*received)->message;
  on_message(process, message);
  return message.type;
}

void Supervisor::on_message(DataProcess& process, const LinkMessage& message) {
  const bool is_current = current_ && &process == &*current_;
  const bool is_successor = successor_ && &process == &*successor_;
  if (!is_current && !is_successor) return;  // one that drains has no say any more
  switch (message.type) {
    case LinkType::Bind:
      return on_bind(process, message);
    case LinkType::Unbind:
      if (!successor_) state_.listeners.unbind(listener_of(message));  // else it may have them too
      return;
    case LinkType::Ready:
      return is_successor ? on_successor_ready(table_of(message)) : on_ready();
    case LinkType::Serving:
      if (is_current) on_serving(process);
      return;
    case LinkType::Frozen:
      if (!is_current || !freeze_until_) return;
      frozen_table_ = table_of(message);
      return start_successor();
    case LinkType::TableChanged:
      if (!is_current) return;
      for (const DataProcess& draining : state_.processes) draining.tell(LinkType::TableChanged);
      return;
    case LinkType::Reload:
      is_reload_wanted_ = is_reload_wanted_ || is_current;
      return;
    case LinkType::Pong:
      if (is_current) os::sd_notify("WATCHDOG=1");
      return;
    default:
      return;
  }
}

void Supervisor::on_bind(DataProcess& process, const LinkMessage& message) {
  LinkMessage reply = message;
  reply.type = LinkType::BindReply;
  std::vector<int> fds;
  const control::ListenAddress address = listener_of(message);
  process.listeners.insert(address);
  if (auto bound = state_.listeners.bind(address, options_.workers)) {
    reply.bound_port = (*bound)->port;
    for (const UniqueFd& fd : (*bound)->fds) fds.push_back(fd.get());
    reply.count = static_cast<std::uint16_t>(fds.size());
  } else {
    reply.sys_errno = bound.error().sys_errno;
  }
  if (auto sent = link_send(process.link.get(), reply, fds); !sent) {
    log::error("adit-relay: listener not handed over: {}", sent.error().what);
  }
}

void Supervisor::on_ready() {
  current_->tell(LinkType::Serve);
  // Listeners of a table that this process does not have.
  state_.listeners.unbind_all_but(current_->listeners);
}

void Supervisor::on_serving(DataProcess& process) {
  process.kill_at.reset();
  if (std::exchange(process.is_ready, true)) return;
  back_off_ = Milliseconds{0};
  log::info("adit-relay: ready");
  os::sd_notify("READY=1");
}

void Supervisor::on_time() {
  const TimePoint now = SteadyClock::now();
  for (DataProcess* process : processes()) {
    if (!process->kill_at || now < *process->kill_at) continue;
    log::error("adit-relay: data process is not {} in time, killing it pid={}",
               process->is_ready ? "gone" : "ready", process->pid);
    process->kill();
  }
  if (freeze_until_ && now >= *freeze_until_) abandon_reload("the data process does not answer");
  if (!current_ && restart_at_ && now >= *restart_at_) start_current();
  const auto interval = os::watchdog_interval();
  if (interval && current_ && current_->is_ready && now >= ping_at_) {
    ping_at_ = now + *interval;
    current_->tell(LinkType::Ping);
  }
}

void Supervisor::end_all() {
  os::sd_notify("STOPPING=1");
  for (const DataProcess* process : processes()) ::kill(process->pid, SIGTERM);
  const TimePoint deadline = SteadyClock::now() + kEndTime;
  while (!processes().empty() && SteadyClock::now() < deadline) {
    pollfd watched{signals_.get(), POLLIN, 0};
    ::poll(&watched, 1, 20);
    handle_signals();
  }
  for (const DataProcess* process : processes()) ::kill(process->pid, SIGKILL);
  control_file_.remove();
}

}  // namespace adit::relay
