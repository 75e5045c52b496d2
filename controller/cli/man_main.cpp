// adit-manual NAME DATE: prints the manual page of adit, or that of adit-controller or adit-relay,
// whose --help it reads from stdin. Run when adit is built (cmake/manual.cmake); not installed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "common/version.hpp"
#include "controller/cli/man_page.hpp"

namespace {

using adit::cli::PageText;

std::array<PageText, 3> pages() {
  const std::pair<std::string, std::string> config{"/etc/adit/controller.yaml",
                                                   "settings of this machine, all optional"};
  const std::pair<std::string, std::string> usage{"2", "Wrong usage"};
  return {{
      {"adit",
       1,
       "public host names for homes behind CGNAT, with TLS ending at home",
       "",
       "",
       {"Tells the controller of this machine, adit-controller(8), what is wanted: which homes "
        "there "
        "are (sites), and which public host names lead to which of them. The relay, adit-relay(8), "
        "forwards the bytes of each TLS connection through WireGuard to the home; it cannot read "
        "them.",
        "Every command that changes something prints what it changed and the command that undoes "
        "it. "
        "With `-o json` answers and errors are JSON, whose form is stable.",
        "The control socket is for root and the members of the group adit. `ADIT_SOCKET` in the "
        "environment names another one; `NO_COLOR` turns colours off."},
       {{"/run/adit/control.sock", "the controller's control socket"}, config},
       {{"0", "Done, or committed with steps that wait for something outside (named on stderr)"},
        {"1", "Refused or failed, and nothing changed; for `diff`: there is a difference"},
        {"2", "Wrong usage; for `diff`: it could not tell"},
        {"3", "Committed, but a step on this machine keeps failing; it is tried again"}},
       {"adit.yaml(5)", "adit-controller(8)", "adit-relay(8)", "wg(8)"}},
      {"adit-controller",
       8,
       "keeps the public entrance of homes as it is wanted",
       "",
       "",
       {"SIGTERM ends it; tunnels and connections stay as they are. Its unit is "
        "adit-controller.service. Where the kernel has no WireGuard, adit-wireguard.service runs "
        "wireguard-go beside it."},
       {config,
        {"/etc/adit/secrets", "tokens and passwords, for root and the controller only"},
        {"/run/adit/control.sock", "control socket, for root and the group adit"},
        {"/var/lib/adit", "desired state, its history, and the WireGuard private key"}},
       {{"0", "Ended as asked"}, {"1", "Could not work; stderr says why"}, usage},
       {"adit(1)", "adit-relay(8)", "wg(8)"}},
      {"adit-relay",
       8,
       "passes TLS connections on to homes, unread",
       "",
       "",
       {"Two processes: the supervisor holds the listening sockets and reads nothing from the "
        "network; "
        "the data process that it starts serves the connections, with no capability, a seccomp "
        "filter "
        "and a Landlock ruleset.",
        "Its unit is adit-relay.service; `systemctl reload adit-relay` starts the program file "
        "anew. "
        "Connections that are established stay with the old data process, for at most an hour."},
       {{"/run/adit-relay/relay.sock", "control socket, for root, its own user and the controller"},
        {"/var/lib/adit-relay", "the cached route table, with which it starts"},
        {"/usr/lib/sysctl.d/60-adit-relay.conf", "kernel settings, a reason for each"}},
       {{"0", "Ended as asked"}, {"1", "Could not work; stderr says why"}, usage},
       {"adit(1)", "adit-controller(8)"}},
  }};
}

}  // namespace

int main(int argc, char** argv) {
  auto all = pages();
  const auto page = std::ranges::find(all, argc == 3 ? argv[1] : "", &PageText::name);
  if (page == all.end()) {
    std::fprintf(stderr, "usage: adit-manual adit|adit-controller|adit-relay DATE\n");
    return 2;
  }
  page->date = argv[2];
  page->version = adit::kVersion;
  if (page->section == 1) {
    std::cout << adit::cli::command_page(*page, adit::cli::command_nodes());
  } else {
    const std::string help{std::istreambuf_iterator<char>(std::cin), {}};
    std::cout << adit::cli::help_page(*page, help);
  }
  std::cout.flush();
  return std::cout ? 0 : 1;
}
