#include "controller/cli/machine_facts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>

#include <fmt/format.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/clock.hpp"
#include "common/os/files.hpp"
#include "controller/cli/user_name.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

std::string text_of(const std::string& path) {
  const auto bytes = os::read_file(path, kMaxBytes);
  return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

bool is_there(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

/// By the inode of its socket.
using PortUses = std::map<std::uint64_t, PortUse>;

PortUses ports_in_use(const std::vector<WantedPort>& wanted, const std::string& proc) {
  PortUses uses;
  const auto is_wanted = [&](std::uint16_t port, Transport transport) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const WantedPort& one) {
      return one.port == port && one.transport == transport;
    });
  };
  for (const char* file : {"tcp", "tcp6", "udp", "udp6"}) {
    const Transport transport = file[0] == 't' ? Transport::Tcp : Transport::Udp;
    for (const auto& socket :
         parse_port_sockets(text_of(fmt::format("{}/net/{}", proc, file)), transport)) {
      if (!is_wanted(socket.port, transport)) continue;
      uses[socket.inode] = {socket.port, transport, user_name(socket.uid), 0, ""};
    }
  }
  return uses;
}

std::optional<pid_t> pid_of(const std::string& name) {
  pid_t pid = 0;
  const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (fault != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

/// Several processes may have one socket (a server and its workers): the first is named.
void find_owners(const std::string& proc, PortUses& uses) {
  std::error_code fault;
  for (fs::directory_iterator it(proc, fault), end; !fault && it != end; it.increment(fault)) {
    const auto pid = pid_of(it->path().filename().string());
    if (!pid) continue;
    std::error_code closed;  // another user's process, or one that has just ended
    for (fs::directory_iterator file(it->path() / "fd", closed), last; !closed && file != last;
         file.increment(closed)) {
      std::error_code gone;
      const auto inode = socket_inode(fs::read_symlink(file->path(), gone).string());
      const auto found = inode ? uses.find(*inode) : uses.end();
      if (found == uses.end()) continue;
      PortUse& use = found->second;
      if (use.pid != 0 && use.pid <= *pid) continue;
      use.pid = *pid;
      use.program = text_of((it->path() / "comm").string());
      while (use.program.ends_with('\n')) use.program.pop_back();
    }
  }
}

bool has_kernel_wireguard() {
  if (is_there("/sys/module/wireguard")) return true;
  utsname name{};
  if (::uname(&name) != 0) return false;
  const std::string folder =
      fmt::format("/lib/modules/{}/", static_cast<const char*>(name.release));
  return names_wireguard(text_of(folder + "modules.builtin")) ||
         names_wireguard(text_of(folder + "modules.dep"));
}

bool has_program(const std::string& name) {
  // Not by PATH alone: an ordinary user's has no sbin.
  constexpr std::array<const char*, 5> kFolders = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                   "/usr/bin", "/sbin"};
  return std::any_of(kFolders.begin(), kFolders.end(), [&](const char* folder) {
    return ::access(fmt::format("{}/{}", folder, name).c_str(), X_OK) == 0;
  });
}

/// adjtimex(2) with no mode changes nothing and needs no privilege.
bool is_clock_synchronised() {
  timex state{};
  return ::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

}  // namespace

bool names_wireguard(std::string_view modules) {
  return modules.find("/wireguard.ko") != std::string_view::npos;
}

MachineFacts look_at_machine(const std::vector<WantedPort>& ports, const std::string& proc) {
  MachineFacts facts;
  PortUses uses = ports_in_use(ports, proc);
  if (!uses.empty()) find_owners(proc, uses);
  for (auto& [inode, use] : uses) facts.ports.push_back(std::move(use));
  facts.has_kernel_wireguard = has_kernel_wireguard();
  facts.has_wireguard_go = has_program("wireguard-go");
  facts.has_tun = is_there("/dev/net/tun");
  facts.is_clock_synchronised = is_clock_synchronised();
  facts.now = wall_now().time_since_epoch().count();
  facts.addresses = own_addresses();
  facts.is_root = ::geteuid() == 0;
  facts.has_systemd = is_there("/run/systemd/system");
  return facts;
}

}  // namespace adit::cli
