#include "relay/data_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/os/privileges.hpp"

namespace adit::relay {

namespace {

/// In the forked child: no capability, no way to gain one, no signal blocked, the two descriptors.
[[noreturn]] void become_data_process(const Options& options, int link, int control) {
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

}  // namespace

void DataProcess::kill() {
  ::kill(pid, SIGKILL);
  link.reset();
  kill_at.reset();
}

void DataProcess::end() {
  ::kill(pid, SIGTERM);
  link.reset();
  kill_at = SteadyClock::now() + kProcessPatience;
}

void DataProcess::tell(LinkType type, int fd) const {
  const std::span<const int> fds(&fd, fd < 0 ? 0 : 1);
  static_cast<void>(link_send(link.get(), {.type = type}, fds));
}

Result<DataProcess> start_data_process(const Options& options, int control) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
    return fail_sys("make a socket pair", errno);
  }
  DataProcess process;
  process.link.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  process.kill_at = SteadyClock::now() + kProcessPatience;
  process.pid = ::fork();
  if (process.pid < 0) return fail_sys("start the data process", errno);
  if (process.pid == 0) become_data_process(options, theirs.get(), control);
  return process;
}

}  // namespace adit::relay
