#include "controller/cli/relay_processes.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/files.hpp"
#include "controller/cli/proc_text.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kCheck = "relay_processes";
constexpr std::string_view kProgram = "adit-relay";
constexpr std::size_t kLargestStatus = std::size_t{64} << 10;

std::optional<Process> read_process(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  const auto bytes = os::read_file(folder + "/status", kLargestStatus);
  if (!bytes) return std::nullopt;
  const std::string_view status(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const auto parent = status_number(status, "PPid");
  const auto uid = status_number(status, "Uid", 1);
  if (!parent || !uid) return std::nullopt;
  std::error_code cause;
  const std::string link = fs::read_symlink(folder + "/exe", cause).string();
  if (cause && cause.value() != EACCES && cause.value() != EPERM) return std::nullopt;

  struct stat file {};

  if (!cause && ::stat((folder + "/exe").c_str(), &file) != 0) return std::nullopt;
  return Process{pid, static_cast<pid_t>(*parent), *uid, link, file.st_dev, file.st_ino};
}

bool runs_same_file(const Process& a, const Process& b) {
  return !a.program.empty() && a.device == b.device && a.inode == b.inode;
}

/// A process that was started before an upgrade runs the file that was replaced.
bool runs_replaced_file(const Process& process, const Process& supervisor) {
  const std::string path = program_path(process.program);
  return path != process.program && path == program_path(supervisor.program);
}

class Family {
 public:
  Family(const std::vector<Process>& all, const Process& supervisor) : supervisor_(supervisor) {
    // A child may stand before its parent: until nobody joins any more.
    for (std::size_t before = all.size() + 1; before != members_.size();) {
      before = members_.size();
      for (const Process& process : all) {
        if (belongs(process)) members_.emplace(process.pid, &process);
      }
    }
  }

  /// The process is there as a child of the supervisor.
  [[nodiscard]] bool has_child(pid_t pid) const {
    const auto found = members_.find(pid);
    return found != members_.end() && found->second->parent == supervisor_.pid;
  }

  [[nodiscard]] std::vector<RelayProcess> in_order(pid_t data) const {
    std::vector<RelayProcess> processes;
    for (const auto& [pid, process] : members_) {
      processes.push_back({pid, process->uid, head_of(*process)});
    }
    const auto rank = [&](const RelayProcess& it) {
      return it.pid == supervisor_.pid ? 0 : it.pid == data ? 1 : 2;
    };
    std::stable_sort(processes.begin(), processes.end(),
                     [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    return processes;
  }

  [[nodiscard]] Check check(pid_t data) const {
    for (const auto& [pid, process] : members_) {
      if (process->program.empty()) {
        return {kCheck, CheckState::Unchecked, "not checked (run as root)"};
      }
      if (!runs_same_file(*process, supervisor_) && !runs_replaced_file(*process, supervisor_)) {
        return {
            kCheck, CheckState::Failed,
            fmt::format("process {}, which the relay has started, runs {}", pid, process->program)};
      }
    }
    if (!has_child(data)) {
      return {kCheck, CheckState::Failed,
              fmt::format("the relay says that its process {} serves, which is no child of its "
                          "supervisor {}",
                          data, supervisor_.pid)};
    }
    std::vector<pid_t> others;
    for (const auto& [pid, process] : members_) {
      if (pid != data && pid != supervisor_.pid) others.push_back(pid);
    }
    return {
        kCheck, CheckState::Passed,
        fmt::format("{} (supervisor), {} (data process){}{} run {}", supervisor_.pid, data,
                    others.empty() ? "" : " and ", fmt::join(others, ", "), supervisor_.program)};
  }

 private:
  [[nodiscard]] bool belongs(const Process& process) const {
    const bool is_supervisor = process.pid == supervisor_.pid;
    const bool is_twin = process.uid == supervisor_.uid && runs_same_file(process, supervisor_);
    return is_supervisor || is_twin || members_.contains(process.parent);
  }

  [[nodiscard]] pid_t head_of(const Process& process) const {
    const Process* at = &process;
    // As many steps as there are members: a chain that /proc shows while it changes may be a ring.
    for (std::size_t i = 0; i < members_.size() && at->pid != supervisor_.pid; ++i) {
      const auto parent = members_.find(at->parent);
      if (parent == members_.end()) break;
      at = parent->second;
    }
    return at->pid;
  }

  const Process& supervisor_;
  std::map<pid_t, const Process*> members_;
};

}  // namespace

std::vector<Process> read_processes() {
  std::vector<Process> all;
  std::error_code cause;
  auto at = fs::directory_iterator("/proc", cause);
  for (const fs::directory_iterator end; !cause && at != end; at.increment(cause)) {
    const std::string name = at->path().filename();
    pid_t pid = 0;
    const auto [rest, fault] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (fault != std::errc() || rest != name.data() + name.size()) continue;
    if (auto process = read_process(pid)) all.push_back(std::move(*process));
  }
  return all;
}

tl::expected<Relay, std::string> relay_among(const std::vector<Process>& all,
                                             const ReportedPids& reported) {
  if (reported.supervisor <= 0) {
    return tl::unexpected<std::string>("not checked (the controller has no relay)");
  }
  const auto supervisor = std::find_if(all.begin(), all.end(), [&](const Process& process) {
    return process.pid == reported.supervisor;
  });
  if (supervisor != all.end() && supervisor->program.empty()) {
    return tl::unexpected<std::string>("not checked (run as root)");
  }
  const std::string program =
      supervisor == all.end() ? std::string() : program_path(supervisor->program);
  if (program.substr(program.rfind('/') + 1) != kProgram) {
    return tl::unexpected(
        fmt::format("not checked (pid {} is no {} here; is it in another pid namespace?)",
                    reported.supervisor, kProgram));
  }
  const Family family(all, *supervisor);
  return Relay{family.in_order(reported.data), family.check(reported.data)};
}

Check over_all(const Relay& relay, Check passed,
               const std::function<Verdict(const RelayProcess&)>& look) {
  constexpr std::size_t kNeeded = 2;  // supervisor and data process
  Verdict gap;
  for (std::size_t i = 0; i < relay.processes.size(); ++i) {
    const RelayProcess& process = relay.processes[i];
    Verdict verdict = look(process);
    if (!verdict) continue;
    if (verdict->state == CheckState::Failed) return std::move(*verdict);
    const bool has_ended = ::access(fmt::format("/proc/{}", process.pid).c_str(), F_OK) != 0;
    if (!gap && (i < kNeeded || !has_ended)) gap = std::move(verdict);
  }
  return gap ? std::move(*gap) : std::move(passed);
}

}  // namespace adit::cli
