#include "controller/wireguard/wireguard_go.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.hpp"
#include "common/unique_fd.hpp"

namespace adit::wireguard {
namespace {

constexpr Milliseconds kDeadline{10000};
constexpr std::size_t kOutputLimit = 8192;

/// The path of `program`; empty if there is none.
std::string find_program(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return ::access(program.c_str(), X_OK) == 0 ? program : std::string();
  }
  const char* const path = std::getenv("PATH");
  std::string_view rest =
      path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const auto candidate = fmt::format("{}/{}", rest.substr(0, end), program);
    if (end > 0 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

/// After fork: makes CAP_NET_ADMIN ambient, which exec keeps. What is not permitted stays missing:
/// wireguard-go then says so itself.
void keep_net_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return;
  sets[CAP_TO_INDEX(CAP_NET_ADMIN)].inheritable |=
      sets[CAP_TO_INDEX(CAP_NET_ADMIN)].permitted & CAP_TO_MASK(CAP_NET_ADMIN);
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return;
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
}

/// The child between fork and exec: only async-signal-safe calls, as other threads may hold locks.
[[noreturn]] void exec_detached(const char* path, char* const* arguments, char* const* environment,
                                int output) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  const int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::chdir("/") != 0) ::_exit(127);
  ::dup2(null, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  keep_net_admin();
  ::execve(path, arguments, environment);
  ::_exit(127);
}

/// What it prints until its first process has closed its output; false at the deadline.
bool read_output(int fd, std::string& output, TimePoint deadline) {
  std::array<char, 1024> buffer{};
  while (true) {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    if (output.size() < kOutputLimit) output.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// The last line that is not of the box that wireguard-go draws about kernels with WireGuard.
std::string last_line(std::string_view output) {
  while (!output.empty()) {
    if (output.ends_with('\n')) {
      output.remove_suffix(1);
      continue;
    }
    const auto start = output.rfind('\n');
    const auto line = output.substr(start == std::string_view::npos ? 0 : start + 1);
    const bool is_box = line.starts_with("┌") || line.starts_with("│") || line.starts_with("└");
    if (!is_box) return std::string(line);
    output.remove_suffix(line.size());
  }
  return {};
}

/// A sentence with the fix, where the cause is a well-known one.
Error explain(const std::string& program, const std::string& interface, const std::string& line) {
  const auto what = fmt::format("{} {}", program, interface);
  const auto says = [&line](std::string_view text) { return line.find(text) != std::string::npos; };
  if (says("TUN device") && (says("no such file") || says("does not exist"))) {
    return {Errc::NotFound,
            fmt::format("{}: there is no /dev/net/tun: load the kernel's tun module, or give the "
                        "container that device; in a unit without devices: systemctl start "
                        "adit-wireguard [{}]",
                        what, line),
            0};
  }
  if (says("TUN device") && (says("permission denied") || says("not permitted"))) {
    return {Errc::Denied,
            fmt::format("{}: needs CAP_NET_ADMIN and read and write on /dev/net/tun: run "
                        "adit-controller as root, or with AmbientCapabilities=CAP_NET_ADMIN in its "
                        "systemd unit and mode 0666 for the device [{}]",
                        what, line),
            0};
  }
  if (says("UAPI listen error")) {  // its own reason is of a later step, and misleads
    return {
        Errc::Denied,
        fmt::format("{}: cannot make its socket: the folder /var/run/wireguard must be there and "
                    "belong to the user of adit-controller [{}]",
                    what, line),
        0};
  }
  return {Errc::System, fmt::format("{}: {}", what, line.empty() ? "failed without a word" : line),
          0};
}

/// The environment without what would change wireguard-go's ways: log level (its background process
/// would keep our pipe) and its internal descriptors.
std::vector<std::string> clean_environment() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (!text.starts_with("LOG_LEVEL=") && !text.starts_with("WG_")) kept.emplace_back(text);
  }
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Result<void> start_wireguard_go(const std::string& program, const std::string& interface) {
  const auto path = find_program(program);
  if (path.empty()) {
    return fail(Errc::NotFound,
                fmt::format("this kernel has no WireGuard and there is no program {}: apt-get "
                            "install wireguard-go, or set `wireguard_go:` in controller.yaml",
                            program));
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_sys("pipe2", errno);
  const UniqueFd output(ends[0]);
  UniqueFd child_end(ends[1]);
  std::vector<std::string> arguments{path, interface};
  auto environment = clean_environment();
  const auto argument_pointers = pointers(arguments);
  const auto environment_pointers = pointers(environment);
  const pid_t child = ::fork();
  if (child < 0) return fail_sys("fork", errno);
  if (child == 0) {
    exec_detached(path.c_str(), argument_pointers.data(), environment_pointers.data(),
                  child_end.get());
  }
  child_end.reset();
  std::string printed;
  const bool ended = read_output(output.get(), printed, SteadyClock::now() + kDeadline);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return fail(Errc::Unavailable, path + " did not start in time");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(explain(path, interface, last_line(printed)));
}

}  // namespace adit::wireguard
