#include "relay/supervisor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.hpp"
#include "common/os/files.hpp"
#include "common/os/privileges.hpp"
#include "common/os/sd_notify.hpp"
#include "common/os/unix_socket.hpp"
#include "relay/handover.hpp"

namespace adit::relay {

namespace {

constexpr Milliseconds kLongestBackOff{1000};
constexpr Milliseconds kSuccessorTime{10'000};  ///< for it to become ready
constexpr Milliseconds kEndTime{800};           ///< SIGTERM has to be done within 1 s

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

/// The file that this process runs, to be executed again even when a package replaced it.
std::string program_file() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? path.data() : "/proc/self/exe";
}

/// In the forked child: no capability, no way to gain one, no signal blocked, the two descriptors.
void become_data_process(const Options& options, int link, int control) {
  if (!os::keep_only({}) || !os::forbid_new_privileges()) _exit(kExitCannotServe);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Duplicates first above the two numbers, so that neither overwrites the other.
  const int high_link = ::fcntl(link, F_DUPFD_CLOEXEC, 10);
  const int high_control = ::fcntl(control, F_DUPFD_CLOEXEC, 10);
  if (::dup2(high_link, kLinkFd) < 0 || ::dup2(high_control, kControlFd) < 0) _exit(1);
  std::vector<std::string> arguments = data_process_arguments(options);
  arguments.insert(arguments.begin(), "adit-relay");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv("/proc/self/exe", pointers.data());
  _exit(kExitCannotServe);
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

Result<SupervisorState> open_state(const Options& options) {
  auto left = take_handover();
  if (!left) return fail(std::move(left).error());
  if (*left) return std::move(**left);
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
      state_(std::move(state)) {
  if (state_.processes.empty()) return;
  current_ = std::move(state_.processes.front());
  state_.processes.erase(state_.processes.begin());
}

int Supervisor::run() {
  reap();  // one that ended during a reload
  if (current_) {
    start_successor();
  } else {
    start_current();
  }
  while (!is_stopping_) wait_for_events();
  end_all();
  return exit_status_;
}

Result<DataProcess> Supervisor::start_data_process() const {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
    return fail_sys("make a socket pair", errno);
  }
  DataProcess process;
  process.link.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  process.started = SteadyClock::now();
  process.pid = ::fork();
  if (process.pid < 0) return fail_sys("start the data process", errno);
  if (process.pid == 0) become_data_process(options_, theirs.get(), state_.control.get());
  return process;
}

void Supervisor::start_current() {
  restart_at_.reset();
  auto process = start_data_process();
  if (process) {
    current_ = std::move(*process);
    return;
  }
  log::error("adit-relay: {}; trying again", process.error().what);
  back_off_ = kLongestBackOff;
  restart_at_ = SteadyClock::now() + back_off_;
}

void Supervisor::start_successor() {
  auto process = start_data_process();
  if (process) {
    successor_ = std::move(*process);
    return;
  }
  log::error("adit-relay: reload: {}; the old data process goes on", process.error().what);
  os::sd_notify("READY=1");
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
  }
  on_time();
}

int Supervisor::milliseconds_to_wait() const {
  std::optional<TimePoint> next;
  const auto consider = [&](TimePoint time) { next = next ? std::min(*next, time) : time; };
  if (!current_ && restart_at_) consider(*restart_at_);
  if (successor_) consider(successor_->started + kSuccessorTime);
  if (current_ && current_->is_ready && os::watchdog_interval()) consider(ping_at_);
  if (!next) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(*next - SteadyClock::now());
  return static_cast<int>(std::max(left, Milliseconds{0}).count());
}

void Supervisor::handle_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) reap();
    if (info.ssi_signo == SIGHUP) reload();
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
    log::error("adit-relay: reload: the new data process ended; the old one goes on");
    os::sd_notify("READY=1");
  } else if (current_ && current_->pid == pid) {
    const bool could_serve = current_->is_ready;
    const std::string how = WIFSIGNALED(status) ? fmt::format("signal={}", WTERMSIG(status))
                                                : fmt::format("status={}", WEXITSTATUS(status));
    current_.reset();
    if (is_stopping_) return;
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
    process.link.reset();  // SIGCHLD tells its end
    ::kill(process.pid, SIGTERM);
    return std::nullopt;
  }
  if (!*received) return std::nullopt;
  const LinkMessage message = (*received)->message;
  on_message(process, message);
  return message.type;
}

void Supervisor::on_message(DataProcess& process, const LinkMessage& message) {
  const bool is_current = current_ && &process == &*current_;
  switch (message.type) {
    case LinkType::Bind:
      return on_bind(process, message);
    case LinkType::Unbind:
      // One that drains has no say any more.
      if (is_current) state_.listeners.unbind(listener_of(message));
      return;
    case LinkType::Ready:
      return on_ready(process);
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
  if (auto bound = state_.listeners.bind(address, options_.workers)) {
    process.listeners.insert(address);
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

void Supervisor::on_ready(DataProcess& process) {
  process.is_ready = true;
  back_off_ = Milliseconds{0};
  if (successor_ && &process == &*successor_) {
    if (current_) {
      // If it does not even take this message, its end is noticed as any other end.
      static_cast<void>(link_send(current_->link.get(), {.type = LinkType::Drain}));
      state_.processes.push_back(std::move(*current_));
    }
    current_ = std::exchange(successor_, std::nullopt);
    restart_at_.reset();
  }
  // Listeners of a table that this process does not have.
  std::vector<control::ListenAddress> unused;
  for (const auto& [address, listener] : state_.listeners.all()) {
    if (!current_->listeners.contains(address)) unused.push_back(address);
  }
  for (const control::ListenAddress& address : unused) state_.listeners.unbind(address);
  log::info("adit-relay: ready");
  os::sd_notify("READY=1");
}

void Supervisor::on_time() {
  const TimePoint now = SteadyClock::now();
  if (successor_ && now > successor_->started + kSuccessorTime) {
    log::error("adit-relay: reload: the new data process is not ready in time");
    ::kill(successor_->pid, SIGKILL);
    successor_->started = now;  // once
  }
  if (!current_ && restart_at_ && now >= *restart_at_) start_current();
  const auto interval = os::watchdog_interval();
  if (interval && current_ && current_->is_ready && now >= ping_at_) {
    ping_at_ = now + *interval;
    static_cast<void>(link_send(current_->link.get(), {.type = LinkType::Ping}));
  }
}

void Supervisor::reload() {
  if (successor_ || !current_ || !current_->is_ready) {
    log::warning("adit-relay: reload: not now, a data process is starting; continuing");
    return;
  }
  if (auto works = try_program(program_); !works) {
    log::error("adit-relay: reload: {}; continuing as before", works.error().what);
    return;
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now().time_since_epoch());
  os::sd_notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
  state_.processes.insert(state_.processes.begin(), std::move(*current_));
  const Error error = execute_with(state_, program_, arguments_);
  current_ = std::move(state_.processes.front());
  state_.processes.erase(state_.processes.begin());
  log::error("adit-relay: reload: {}; continuing as before", error.what);
  os::sd_notify("READY=1");
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
  ::unlink(options_.control_path.c_str());
}

}  // namespace adit::relay
