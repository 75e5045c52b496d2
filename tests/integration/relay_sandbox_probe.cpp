// Enters the data process's sandbox, tries what must not work any more and prints how each attempt
// ended: `name=ok` or `name=EACCES`. Usage: relay_sandbox_probe STATE_DIR FOREIGN_FILE [exec]
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "relay/sandbox.hpp"

namespace {

void report(const char* name, long result) {
  std::printf("%s=%s\n", name, result >= 0 ? "ok" : strerrorname_np(errno));
}

void report_mapping(const char* name, void* address) {
  report(name, address == MAP_FAILED ? -1 : 0);
}

long signal_thread(pid_t process) {
  return ::syscall(SYS_tgkill, process, process, 0);
}

/// `port` 0: the kernel chooses, as for a source address.
int bind_port(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string state_dir = argv[1];
  const long landlock_version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (auto entered = adit::relay::enter_sandbox(state_dir, {}); !entered) {
    std::fprintf(stderr, "%s\n", entered.error().what.c_str());
    return 1;
  }
  if (argc > 3) {
    ::execl("/bin/true", "true", nullptr);
    return 3;
  }
  report("ok_read_own", ::open((state_dir + "/own").c_str(), O_RDONLY));
  report("ok_write_own", ::open((state_dir + "/new").c_str(), O_WRONLY | O_CREAT, 0600));
  const int tcp = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  report("ok_tcp_socket", tcp);
  report("ok_tcp_protocol", ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP));
  report("ok_non_blocking", ::ioctl(tcp, FIONBIO, &on));
  report("ok_signal_self", signal_thread(::getpid()));
  report_mapping("ok_memory", page);
  report("read_foreign", ::open(argv[2], O_RDONLY));
  report("write_foreign", ::open(argv[2], O_WRONLY));
  report("read_passwd", ::open("/etc/passwd", O_RDONLY));
  report("list_root", ::open("/", O_RDONLY | O_DIRECTORY));
  report("make_link", ::symlink("/etc/passwd", (state_dir + "/link").c_str()));
  report("make_directory", ::mkdir((state_dir + "/dir").c_str(), 0700));
  report("udp_socket", ::socket(AF_INET, SOCK_DGRAM, 0));
  report("netlink_socket", ::socket(AF_NETLINK, SOCK_RAW, 0));
  report("unix_socket", ::socket(AF_UNIX, SOCK_STREAM, 0));
  report("sctp_socket", ::socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
  report("mptcp_socket", ::socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
  report("signal_parent", ::kill(::getppid(), 0));
  report("signal_parents_thread", signal_thread(::getppid()));
  report("signal_any_thread", signal_thread(INT_MAX));  // there is none: without a filter, ESRCH
  report("own_signals_of_parent", ::fcntl(tcp, F_SETOWN, ::getppid()));
  report("type_into_terminal", ::ioctl(STDIN_FILENO, TIOCSTI, "x"));
  report("executable_memory", ::mprotect(page, 4096, PROT_READ | PROT_EXEC));
  report_mapping("new_executable_memory",
                 ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  report("ok_source_address", bind_port(0));
  // From its fourth version on Landlock forbids a port of one's choice.
  if (landlock_version >= 4) report("bind", bind_port(1));
  report("fork", ::fork());
  report("change_user", ::setuid(65534));
  std::fflush(stdout);
  return 0;
}
