#include "relay/handover.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/os/files.hpp"

namespace adit::relay {

namespace {

constexpr const char* kVariable = "ADIT_RELAY_STATE";
constexpr std::string_view kFirstLine = "adit-relay-state 1";
constexpr int kTryMilliseconds = 2000;
constexpr std::size_t kLongest = std::size_t{16} << 20;  // a million descriptors

void keep_over_exec(int fd, bool is_kept) {
  ::fcntl(fd, F_SETFD, is_kept ? 0 : FD_CLOEXEC);
}

void keep_all_over_exec(const SupervisorState& state, bool is_kept) {
  keep_over_exec(state.lock.get(), is_kept);
  keep_over_exec(state.control.get(), is_kept);
  for (const DataProcess& process : state.processes) keep_over_exec(process.link.get(), is_kept);
  for (const auto& [address, listener] : state.listeners.all()) {
    for (const UniqueFd& fd : listener.fds) keep_over_exec(fd.get(), is_kept);
  }
}

/// How the line of a listener begins.
std::string_view line_of(control::Protocol protocol) {
  switch (protocol) {
    case control::Protocol::Http:
      return "http_listener";
    case control::Protocol::Raw:
      return "raw_listener";
    case control::Protocol::Tls:
      break;
  }
  return "listener";
}

std::optional<control::Protocol> protocol_of(std::string_view word) {
  using control::Protocol;
  for (const Protocol each : {Protocol::Tls, Protocol::Http, Protocol::Raw}) {
    if (word == line_of(each)) return each;
  }
  return std::nullopt;
}

/// One line per thing: what, its values, its descriptors.
std::string to_text(const SupervisorState& state) {
  std::string text =
      fmt::format("{}\nlock {}\ncontrol {}\n", kFirstLine, state.lock.get(), state.control.get());
  for (const DataProcess& process : state.processes) {
    text += fmt::format("process {} {}\n", process.pid, process.link.get());
  }
  for (const auto& [address, listener] : state.listeners.all()) {
    text += fmt::format("{} {} {} {}", line_of(address.protocol), address.address, address.port,
                        listener.port);
    for (const UniqueFd& fd : listener.fds) text += fmt::format(" {}", fd.get());
    text += '\n';
  }
  return text;
}

/// Reads one line of to_text; false if it is none.
bool read_line(const std::string& line, SupervisorState& state) {
  std::istringstream words(line);
  std::string what;
  int fd = -1;
  words >> what;
  if (what == "lock" && words >> fd) {
    state.lock.reset(fd);
  } else if (what == "control" && words >> fd) {
    state.control.reset(fd);
  } else if (what == "process") {
    DataProcess process;
    if (!(words >> process.pid >> fd)) return false;
    process.link.reset(fd);
    process.is_ready = true;
    state.processes.push_back(std::move(process));
  } else if (const auto protocol = protocol_of(what)) {
    std::string text;
    control::ListenAddress address;
    BoundListener listener;
    if (!(words >> text >> address.port >> listener.port)) return false;
    const auto parsed = IpAddress::parse(text);
    if (!parsed) return false;
    address.address = *parsed;
    address.protocol = *protocol;
    while (words >> fd) listener.fds.emplace_back(fd);
    state.listeners.adopt(address, std::move(listener));
  } else {
    return false;
  }
  return true;
}

/// `state` as text in a memory file that stays open over exec; the caller's variable names it.
Result<UniqueFd> write_text(const SupervisorState& state) {
  UniqueFd memory(::memfd_create("adit-relay-state", 0));
  if (!memory.is_open()) return fail_sys("keep the state", errno);
  const std::string text = to_text(state);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  if (auto written = os::write_all(memory.get(), bytes); !written) {
    return fail(std::move(written).error());
  }
  return memory;
}

Result<std::optional<SupervisorState>> read_text() {
  const char* variable = std::getenv(kVariable);  // NOLINT(concurrency-mt-unsafe): one thread
  if (variable == nullptr) return std::nullopt;
  const UniqueFd memory(std::atoi(variable));  // NOLINT(cert-err34-c): 0 fails below
  ::unsetenv(kVariable);                       // NOLINT(concurrency-mt-unsafe)
  auto content = os::read_file(fmt::format("/proc/self/fd/{}", memory.get()), kLongest);
  if (!content) return fail(content.error().within("what the program before left"));
  std::istringstream lines(std::string(content->begin(), content->end()));
  std::string line;
  if (!std::getline(lines, line) || line != kFirstLine) {
    return fail(Errc::Protocol, "the program before left a state of another version");
  }
  SupervisorState state;
  while (std::getline(lines, line)) {
    if (!read_line(line, state)) return fail(Errc::Protocol, "cannot understand: " + line);
  }
  return state;
}

/// Executes `program`; returns only when that failed.
Error execute(const std::string& program, std::vector<std::string> arguments, int memory) {
  ::setenv(kVariable, std::to_string(memory).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execv(program.c_str(), pointers.data());
  Error error = sys_error("execute " + program, errno);
  ::unsetenv(kVariable);  // NOLINT(concurrency-mt-unsafe)
  return error;
}

[[noreturn]] void become_check(const std::string& program, std::vector<std::string> arguments,
                               int memory) {
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nowhere, STDOUT_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  arguments.emplace_back("--check");
  const Error error = execute(program, std::move(arguments), memory);
  _exit(error.sys_errno == ENOENT ? 127 : 126);
}

}  // namespace

std::string program_file() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? path.data() : "/proc/self/exe";
}

Result<void> try_program(const SupervisorState& state, const std::string& program,
                         const std::vector<std::string>& arguments) {
  auto memory = write_text(state);
  if (!memory) return fail(std::move(memory).error());
  const pid_t pid = ::fork();
  if (pid < 0) return fail_sys("try " + program, errno);
  if (pid == 0) become_check(program, arguments, memory->get());
  const UniqueFd child(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd watched{child.get(), POLLIN, 0};
  if (::poll(&watched, 1, kTryMilliseconds) != 1) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Errc::Invalid,
              fmt::format("{} refuses to take over ({})", program,
                          WIFEXITED(status) ? fmt::format("status {}", WEXITSTATUS(status))
                                            : fmt::format("signal {}", WTERMSIG(status))));
}

Error execute_with(const SupervisorState& state, const std::string& program,
                   const std::vector<std::string>& arguments) {
  const auto memory = write_text(state);
  if (!memory) return memory.error();
  keep_all_over_exec(state, true);
  Error error = execute(program, arguments, memory->get());
  keep_all_over_exec(state, false);
  return error;
}

void forget_inherited_descriptors() {
  if (std::getenv(kVariable) == nullptr) ::close_range(3, ~0U, 0);  // NOLINT(concurrency-mt-unsafe)
}

Result<std::optional<SupervisorState>> take_handover() {
  auto state = read_text();
  if (state && *state) keep_all_over_exec(**state, false);
  return state;
}

Result<void> check_handover() {
  // The descriptors that it names are not open here: there is nothing to give back.
  if (auto state = read_text(); !state) return fail(std::move(state).error());
  return {};
}

}  // namespace adit::relay
