#include "controller/cli/init_checks.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/clock.hpp"
#include "controller/cli/init_values.hpp"

namespace adit::cli {

namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kHttpPort = 80;

bool is_known(const Machine& machine) {
  return machine.status.is_object();
}

const PortUse* user_of(const Machine& machine, std::uint16_t port, Transport transport) {
  for (const PortUse& use : machine.facts.ports) {
    if (use.port == port && use.transport == transport) return &use;
  }
  return nullptr;
}

/// "nginx (pid 812)"
std::string who(const PortUse& use, bool is_root) {
  if (use.pid != 0) return fmt::format("{} (pid {})", use.program, use.pid);
  if (is_root) return "the kernel (`wg show` tells whether it is another WireGuard interface)";
  return fmt::format("a process of user {} (`sudo adit init` tells which)", use.user);
}

std::string how_to_free(const PortUse& use) {
  if (use.pid == 0) return "take it off the port, then run adit init again";
  return fmt::format(
      "take it off the port, then run adit init again; if it is a service: sudo systemctl disable "
      "--now {}",
      use.program);
}

bool relay_listens(const Json& status, std::uint16_t port) {
  const Json& listeners = array_at(member(status, "relay"), "listeners");
  return std::any_of(listeners.begin(), listeners.end(), [&](const Json& listener) {
    return number_at(listener, "bound_port") == port;
  });
}

Finding tcp_port(const Machine& machine, std::uint16_t port) {
  Finding finding{fmt::format("port_{}", port), FindingState::Good, "free", ""};
  const PortUse* use = user_of(machine, port, Transport::Tcp);
  if (use == nullptr) return finding;
  const bool is_ours = use->program == "adit-relay" || use->user == "adit-relay";
  if (is_ours || relay_listens(machine.status, port)) {
    finding.detail = "adit-relay listens";
    return finding;
  }
  const std::string taker = "taken by " + who(*use, machine.facts.is_root);
  if (port == kHttpsPort) {
    return {finding.name, FindingState::Problem, taker, how_to_free(*use)};
  }
  finding.state = FindingState::Warning;
  finding.detail = taker + "; this version of adit does not use it, a later one will";
  return finding;
}

Finding udp_port(const Machine& machine) {
  Finding finding{fmt::format("port_{}", machine.listen_port), FindingState::Good, "free", ""};
  const PortUse* use = user_of(machine, machine.listen_port, Transport::Udp);
  if (use == nullptr) return finding;
  const Json& node = member(machine.status, "node");
  const std::string implementation = text_at(node, "implementation");
  const bool is_ours = !implementation.empty() && implementation != "none" &&
                       number_at(node, "listen_port") == machine.listen_port;
  if (is_ours) {
    finding.detail = "WireGuard interface " + text_at(node, "interface");
    return finding;
  }
  const std::string taker = "taken by " + who(*use, machine.facts.is_root);
  const bool may_be_ours = use->pid == 0 || use->program == "wireguard-go";
  if (!is_known(machine) && may_be_ours) {
    return {finding.name, FindingState::Warning, taker + "; fine if that is adit's own", ""};
  }
  return {finding.name, FindingState::Problem, taker,
          how_to_free(*use) + ", or write another listen_port: into /etc/adit/controller.yaml"};
}

Finding wireguard(const Machine& machine) {
  const MachineFacts& facts = machine.facts;
  const std::string running = text_at(member(machine.status, "node"), "implementation");
  if (facts.has_kernel_wireguard || running == "kernel") {
    return {"wireguard", FindingState::Good, "the kernel has it", ""};
  }
  if (!facts.has_wireguard_go && running != "userspace") {
    return {"wireguard", FindingState::Problem,
            "this kernel has none, and there is no program wireguard-go",
            "sudo apt-get install wireguard-go"};
  }
  if (!facts.has_tun) {
    return {"wireguard", FindingState::Problem,
            "this kernel has none, and wireguard-go needs /dev/net/tun",
            "sudo modprobe tun; in a container: have its host give it that device"};
  }
  return {"wireguard", FindingState::Good,
          "wireguard-go (this kernel has none; slower, otherwise the same)", ""};
}

Finding clock(const MachineFacts& facts) {
  constexpr const char* kFix =
      "sudo timedatectl set-ntp true (sudo apt-get install systemd-timesyncd, if it has none)";
  if (facts.now < kEarliestNow) {
    return {"clock", FindingState::Warning,
            "it is years behind: homes refuse WireGuard handshakes and certificates look invalid",
            kFix};
  }
  if (!facts.is_clock_synchronised) {
    return {"clock", FindingState::Warning,
            "not synchronised: WireGuard and TLS need it about right", kFix};
  }
  return {"clock", FindingState::Good, "synchronised", ""};
}

std::string private_addresses(const std::vector<OwnAddress>& addresses) {
  std::string out;
  for (const OwnAddress& own : addresses) {
    if (own.address.is_loopback() || is_link_local(own.address)) continue;
    if (is_public(own.address) || !own.address.is_v4()) continue;
    out += fmt::format("{}{} on {}", out.empty() ? "" : ", ", own.address, own.interface);
  }
  return out.empty() ? "no address" : out;
}

Finding public_address(const Machine& machine) {
  const std::string endpoint = known_endpoint(machine);
  const std::string host = endpoint_host(endpoint);
  if (host.empty()) {
    const bool is_asked = machine.may_ask;
    return {"public_address", is_asked ? FindingState::Warning : FindingState::Problem,
            fmt::format("not on an interface ({}): the provider translates it, or there is none",
                        private_addresses(machine.facts.addresses)),
            is_asked ? "you are asked for it below"
                     : "sudo adit init --endpoint PUBLIC-ADDRESS-OF-THIS-VPS"};
  }
  for (const OwnAddress& own : machine.facts.addresses) {
    if (own.address.to_string() != host) continue;
    std::string detail = fmt::format("{} on {}", host, own.interface);
    if (own.address.is_v4()) return {"public_address", FindingState::Good, std::move(detail), ""};
    return {"public_address", FindingState::Warning,
            detail + ", IPv6 only: a home without IPv6 does not reach it",
            "if the VPS has an IPv4 address too: sudo adit init --endpoint ADDRESS"};
  }
  const bool is_said = !machine.endpoint.empty();
  return {"public_address", FindingState::Good,
          host + (is_said ? " (as you say)" : " (endpoint: in controller.yaml)"), ""};
}

Finding controller(const Machine& machine) {
  if (!is_known(machine)) {
    return {"controller", FindingState::Problem, machine.unreachable, ""};
  }
  return {"controller", FindingState::Good,
          fmt::format("adit-controller {} answers, revision {}", text_at(machine.status, "version"),
                      number_at(machine.status, "revision")),
          ""};
}

Finding relay(const Machine& machine) {
  const Json& relay = member(machine.status, "relay");
  const Json& connected = member(relay, "connected");
  if (connected.is_boolean() && connected.get<bool>()) {
    return {"relay", FindingState::Good, text_at(relay, "version") + " answers", ""};
  }
  return {"relay", FindingState::Warning, "not connected: " + text_at(relay, "problem"),
          "sudo systemctl start adit-relay"};
}

/// Somebody else's interface of that name; nothing where all is well.
std::vector<Finding> interface_fault(const Machine& machine) {
  const Json& node = member(machine.status, "node");
  const std::string problem = text_at(node, "problem");
  if (problem.empty()) return {};
  return {{"interface", FindingState::Problem, problem, text_at(node, "fix")}};
}

Finding firewall(std::uint16_t listen_port) {
  return {
      "firewall", FindingState::Hint,
      fmt::format("not to be seen from here: let TCP 443, TCP 80 and UDP {} in (at the provider; "
                  "in ufw or nftables, if used)",
                  listen_port),
      ""};
}

}  // namespace

std::vector<WantedPort> wanted_ports(std::uint16_t listen_port) {
  return {{kHttpsPort, Transport::Tcp}, {kHttpPort, Transport::Tcp}, {listen_port, Transport::Udp}};
}

std::string known_endpoint(const Machine& machine) {
  if (!machine.endpoint.empty()) return machine.endpoint;
  if (is_known(machine)) return text_at(member(machine.status, "node"), "endpoint");
  for (const bool is_v4 : {true, false}) {
    for (const OwnAddress& own : machine.facts.addresses) {
      if (own.address.is_v4() == is_v4 && is_public(own.address)) return own.address.to_string();
    }
  }
  return {};
}

std::vector<Finding> judge(const Machine& machine) {
  std::vector<Finding> findings = {tcp_port(machine, kHttpsPort),
                                   tcp_port(machine, kHttpPort),
                                   udp_port(machine),
                                   wireguard(machine),
                                   clock(machine.facts),
                                   public_address(machine),
                                   controller(machine)};
  if (is_known(machine)) {
    findings.push_back(relay(machine));
    for (Finding& fault : interface_fault(machine)) findings.push_back(std::move(fault));
  }
  findings.push_back(firewall(machine.listen_port));
  return findings;
}

bool has_problem(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.state == FindingState::Problem; });
}

}  // namespace adit::cli
