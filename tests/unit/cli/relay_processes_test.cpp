#include "controller/cli/relay_processes.hpp"

#include <algorithm>

#include <unistd.h>

#include "controller/cli/relay_folders.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace adit::cli;

namespace {

constexpr uid_t kRelay = 998;

Process process(pid_t pid, pid_t parent, std::string program = "/usr/bin/adit-relay",
                std::uint64_t inode = 7) {
  return {pid, parent, kRelay, std::move(program), 1, inode};
}

/// A supervisor 10, its data process 11, and somebody else.
std::vector<Process> usual() {
  return {{1, 0, 0, "/usr/lib/systemd/systemd", 1, 2},
          process(10, 1),
          process(11, 10),
          process(50, 1, "/usr/bin/python3", 9)};
}

std::vector<Process> with(std::vector<Process> all, Process more) {
  all.insert(all.begin(), std::move(more));  // a child may come first
  return all;
}

std::vector<pid_t> pids_of(const Relay& relay) {
  std::vector<pid_t> pids;
  for (const RelayProcess& each : relay.processes) pids.push_back(each.pid);
  return pids;
}

}  // namespace

TEST_CASE("relay_processes: a supervisor and its data process", "[cli]") {
  const auto relay = relay_among(usual(), {10, 11});
  REQUIRE(relay);
  CHECK(relay->processes == std::vector<RelayProcess>{{10, kRelay, 10}, {11, kRelay, 10}});
  CHECK(relay->check == Check{"relay_processes", CheckState::Passed,
                              "10 (supervisor), 11 (data process) run /usr/bin/adit-relay"});
}

TEST_CASE("relay_processes: who drains, whoever was started and every twin belong to it", "[cli]") {
  auto all = with(usual(), process(5, 10, "/usr/bin/adit-relay (deleted)", 6));  // drains
  all = with(all, process(4, 11));                                               // a grandchild
  all = with(all, process(60, 1));                           // another supervisor
  all = with(all, process(61, 60));                          // and its child
  all = with(all, {70, 1, 0, "/usr/bin/adit-relay", 1, 7});  // of another user
  const auto relay = relay_among(all, {10, 11});
  REQUIRE(relay);
  CHECK(pids_of(*relay) == std::vector<pid_t>{10, 11, 4, 5, 60, 61});
  CHECK(relay->processes[2].head == 10);
  CHECK(relay->processes[5].head == 60);
  CHECK(relay->check.state == CheckState::Passed);
  CHECK(relay->check.detail ==
        "10 (supervisor), 11 (data process) and 4, 5, 60, 61 run /usr/bin/adit-relay");
}

TEST_CASE("relay_processes: what speaks against it", "[cli]") {
  struct Row {
    const char* name;
    std::vector<Process> all;
    pid_t data;
    CheckState want;
    const char* part;
  };

  const Row row = GENERATE(
      Row{"a stranger", usual(), 50, CheckState::Failed, "its process 50 serves"},
      Row{"nobody", usual(), 12, CheckState::Failed, "no child of its supervisor 10"},
      Row{"the supervisor itself", usual(), 10, CheckState::Failed, "no child"},
      Row{"a grandchild", with(usual(), process(12, 11)), 12, CheckState::Failed, "no child"},
      Row{"another program", with(usual(), process(12, 10, "/bin/sh", 3)), 11, CheckState::Failed,
          "process 12, which the relay has started, runs /bin/sh"},
      Row{"another file of its name", with(usual(), process(12, 10, "/usr/bin/adit-relay", 3)), 11,
          CheckState::Failed, "process 12"},
      Row{"a child that hides", with(usual(), process(12, 10, "", 0)), 11, CheckState::Unchecked,
          "run as root"});
  CAPTURE(row.name);
  const auto relay = relay_among(row.all, {10, row.data});
  REQUIRE(relay);
  CHECK(relay->check.state == row.want);
  CHECK_THAT(relay->check.detail, Catch::Contains(row.part));
}

TEST_CASE("relay_processes: after an upgrade all of it may run a replaced file", "[cli]") {
  auto all = usual();
  all[1].program = all[2].program = "/usr/bin/adit-relay (deleted)";
  CHECK(relay_among(all, {10, 11})->check.state == CheckState::Passed);
}

TEST_CASE("relay_processes: without a relay that we can see nothing is said of it", "[cli]") {
  CHECK_THAT(relay_among(usual(), {0, 11}).error(), Catch::Contains("no relay"));
  CHECK_THAT(relay_among(usual(), {77, 11}).error(), Catch::Contains("pid 77 is no adit-relay"));
  CHECK_THAT(relay_among(usual(), {50, 50}).error(), Catch::Contains("pid 50 is no adit-relay"));
  CHECK_THAT(relay_among(with(usual(), process(12, 1, "", 0)), {12, 11}).error(),
             Catch::Contains("run as root"));
}

TEST_CASE("relay_processes: a ring of parents ends", "[cli]") {
  const auto all = with(with(usual(), process(20, 21)), process(21, 20));
  CHECK(relay_among(all, {10, 11})->processes.size() == 4);
}

TEST_CASE("relay_processes: what fails at one process is not hidden by what could not be checked",
          "[cli]") {
  const pid_t own = getpid();
  constexpr pid_t kGone = 0x7ffffff0;
  const Relay relay{{{own, 0, own}, {own, 0, own}, {kGone, 0, own}, {own + 1, 0, own}}, {}};
  const Check passed{"x", CheckState::Passed, "good"};
  const auto with_verdicts = [&](std::vector<Verdict> verdicts) {
    std::size_t next = 0;
    return over_all(relay, passed, [&](const RelayProcess&) { return verdicts.at(next++); });
  };
  const Check gap{"x", CheckState::Unchecked, "gap"};
  const Check bad{"x", CheckState::Failed, "bad"};
  const Verdict none;
  CHECK(with_verdicts({none, none, none, none}) == passed);
  CHECK(with_verdicts({gap, none, none, bad}) == bad);
  CHECK(with_verdicts({none, gap, none, none}) == gap);
  CHECK(with_verdicts({none, none, gap, none}) == passed);  // it has ended
  CHECK(with_verdicts({none, none, bad, none}) == bad);     // but that was seen
}

TEST_CASE("relay_processes: reads this very process", "[cli]") {
  const auto all = read_processes();
  const auto own =
      std::find_if(all.begin(), all.end(), [](const Process& it) { return it.pid == getpid(); });
  REQUIRE(own != all.end());
  CHECK(own->parent == getppid());
  CHECK(own->uid == geteuid());
  CHECK_THAT(own->program, Catch::EndsWith("/unit_cli"));
  CHECK(own->inode != 0);
}

TEST_CASE("relay_folders: one's own folder is not everybody's, nor the controller's", "[cli]") {
  const adit::test::TempDir folder;
  const RelayFolder runtime{folder.path(), folder.path()};
  CHECK(is_its_own(runtime, geteuid(), {}));
  CHECK(is_its_own(runtime, geteuid(), {"", "/run/adit/control.sock", folder.path() + "-other"}));
  CHECK_FALSE(is_its_own(runtime, geteuid(), {folder.file("control.sock")}));
  CHECK_FALSE(is_its_own(runtime, geteuid(), {folder.path()}));
  CHECK_FALSE(is_its_own(runtime, geteuid() + 1, {}));
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  CHECK_FALSE(is_its_own(runtime, geteuid(), {}));
  CHECK_FALSE(is_its_own({"/nonexistent", "/nonexistent"}, geteuid(), {}));
}

TEST_CASE("relay_folders: the defaults where no options say otherwise", "[cli]") {
  const RelayFolders folders = folders_of(getpid());
  CHECK(folders.state.shown == "/var/lib/adit-relay");
  CHECK(folders.runtime.shown == "/run/adit-relay");
  CHECK_THAT(folders.state.path, Catch::EndsWith("/root/var/lib/adit-relay"));
}
