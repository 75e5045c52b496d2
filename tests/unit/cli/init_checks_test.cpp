#include "controller/cli/init_checks.hpp"

#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::cli;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

OwnAddress own(const char* interface, const char* address) {
  return {interface, IpAddress::parse(address).value(), 24};
}

/// A VPS on which all is well: nothing to fix, nothing in the way.
Machine sound() {
  Machine machine;
  machine.facts.has_kernel_wireguard = true;
  machine.facts.is_clock_synchronised = true;
  machine.facts.now = kNow;
  machine.facts.is_root = true;
  machine.facts.addresses = {own("lo", "127.0.0.1"), own("eth0", "203.0.113.10")};
  machine.status = {{"version", "1.2.3"},
                    {"revision", 7},
                    {"node",
                     {{"endpoint", "203.0.113.10:51820"},
                      {"implementation", "none"},
                      {"interface", "adit0"},
                      {"listen_port", 51820}}},
                    {"relay", {{"connected", true}, {"listeners", Json::array()}}}};
  return machine;
}

Finding find(const Machine& machine, const std::string& name) {
  for (const Finding& finding : judge(machine)) {
    if (finding.name == name) return finding;
  }
  return {"(no such finding)", FindingState::Problem, "", ""};
}

PortUse taken(std::uint16_t port, Transport transport, const char* program = "nginx") {
  return {port, transport, "www-data", 812, program};
}

}  // namespace

TEST_CASE("init_checks: a sound machine has no word of warning, and always the hint", "[cli]") {
  const auto findings = judge(sound());
  CHECK_FALSE(has_problem(findings));
  for (const Finding& finding : findings) {
    CAPTURE(finding.name, finding.detail);
    const bool is_hint = finding.name == "firewall";
    CHECK(finding.state == (is_hint ? FindingState::Hint : FindingState::Good));
  }
  CHECK(findings.back().detail.find("UDP 51820") != std::string::npos);
}

TEST_CASE("init_checks: a taken port is named with its program and the fix", "[cli]") {
  Machine machine = sound();
  machine.facts.ports = {taken(443, Transport::Tcp), taken(80, Transport::Tcp),
                         taken(51820, Transport::Udp, "openvpn")};
  const Finding https = find(machine, "port_443");
  CHECK(https.state == FindingState::Problem);
  CHECK(https.detail == "taken by nginx (pid 812)");
  CHECK(https.fix.find("systemctl disable --now nginx") != std::string::npos);
  CHECK(find(machine, "port_80").state == FindingState::Warning);
  const Finding wireguard = find(machine, "port_51820");
  CHECK(wireguard.state == FindingState::Problem);
  CHECK(wireguard.fix.find("listen_port:") != std::string::npos);
  CHECK(has_problem(judge(machine)));
}

TEST_CASE("init_checks: whoever is no root sees whose a port is, not which program", "[cli]") {
  Machine machine = sound();
  machine.facts.is_root = false;
  machine.facts.ports = {{443, Transport::Tcp, "www-data", 0, ""}};
  const Finding finding = find(machine, "port_443");
  CHECK(finding.state == FindingState::Problem);
  CHECK(finding.detail == "taken by a process of user www-data (`sudo adit init` tells which)");
}

TEST_CASE("init_checks: what is ours is no taker", "[cli]") {
  Machine machine = sound();
  machine.facts.ports = {taken(443, Transport::Tcp, "adit-relay"),
                         taken(51820, Transport::Udp, "")};
  machine.status["node"]["implementation"] = "kernel";
  CHECK(find(machine, "port_443").state == FindingState::Good);
  CHECK(find(machine, "port_51820").detail == "WireGuard interface adit0");
  // By the relay's own word, where its files are not to be seen.
  machine.facts.ports = {{443, Transport::Tcp, "other", 0, ""}};
  CHECK(find(machine, "port_443").state == FindingState::Problem);
  machine.status["relay"]["listeners"] = {{{"bound_port", 443}}};
  CHECK(find(machine, "port_443").state == FindingState::Good);
}

TEST_CASE("init_checks: WireGuard is in the kernel, in wireguard-go, or missing", "[cli]") {
  Machine machine = sound();
  machine.facts.has_kernel_wireguard = false;
  CHECK(find(machine, "wireguard").state == FindingState::Problem);
  CHECK(find(machine, "wireguard").fix == "sudo apt-get install wireguard-go");
  machine.facts.has_wireguard_go = true;
  CHECK(find(machine, "wireguard").fix.find("modprobe tun") != std::string::npos);
  machine.facts.has_tun = true;
  CHECK(find(machine, "wireguard").state == FindingState::Good);
}

TEST_CASE("init_checks: a clock that is wrong is a warning with its fix", "[cli]") {
  Machine machine = sound();
  machine.facts.is_clock_synchronised = false;
  CHECK(find(machine, "clock").state == FindingState::Warning);
  CHECK(find(machine, "clock").fix.find("timedatectl") != std::string::npos);
  machine.facts.is_clock_synchronised = true;
  machine.facts.now = 86'400;
  CHECK(find(machine, "clock").state == FindingState::Warning);
  CHECK(find(machine, "clock").detail.find("years behind") != std::string::npos);
}

TEST_CASE("init_checks: an address that is on no interface is asked for, or named as missing",
          "[cli]") {
  Machine machine = sound();
  machine.facts.addresses = {own("lo", "127.0.0.1"), own("ens5", "10.0.0.5"),
                             own("ens5", "fe80::1")};
  machine.status["node"]["endpoint"] = "";
  Finding finding = find(machine, "public_address");
  CHECK(finding.state == FindingState::Problem);
  CHECK(finding.detail.find("10.0.0.5 on ens5") != std::string::npos);
  CHECK(finding.fix.find("--endpoint") != std::string::npos);
  machine.may_ask = true;
  CHECK(find(machine, "public_address").state == FindingState::Warning);
  machine.endpoint = "203.0.113.10";
  finding = find(machine, "public_address");
  CHECK(finding.state == FindingState::Good);
  CHECK(finding.detail == "203.0.113.10 (as you say)");
}

TEST_CASE("init_checks: IPv6 alone does not reach every home", "[cli]") {
  Machine machine = sound();
  machine.facts.addresses = {own("eth0", "10.0.0.5"), own("eth0", "2001:db8::10")};
  machine.status["node"]["endpoint"] = "[2001:db8::10]:51820";
  CHECK(find(machine, "public_address").state == FindingState::Warning);
}

TEST_CASE("init_checks: without a controller its address is seen all the same", "[cli]") {
  Machine machine = sound();
  machine.status = nullptr;
  machine.unreachable = "no controller answers";
  machine.facts.ports = {taken(51820, Transport::Udp, "wireguard-go")};
  CHECK(find(machine, "public_address").state == FindingState::Good);
  CHECK(find(machine, "controller").detail == "no controller answers");
  CHECK(find(machine, "port_51820").state == FindingState::Warning);  // may be adit's own
  CHECK(has_problem(judge(machine)));
}

TEST_CASE("init_checks: somebody else's interface is a problem with its fix", "[cli]") {
  Machine machine = sound();
  CHECK(find(machine, "interface").name == "(no such finding)");
  machine.status["node"]["problem"] = "interface adit0 is not ours";
  machine.status["node"]["fix"] = "write another name";
  CHECK(find(machine, "interface") == Finding{"interface", FindingState::Problem,
                                              "interface adit0 is not ours", "write another name"});
}

TEST_CASE("init_checks: lines and documents", "[cli]") {
  const std::vector<Finding> findings = {
      {"port_443", FindingState::Problem, "taken\x1b[2J", "free it"},
      {"wireguard", FindingState::Good, "the kernel has it", ""}};
  CHECK(findings_text(findings, Terminal{}) ==
        "  BAD port 443        taken\\x1b[2J\n      fix: free it\n"
        "  ok  WireGuard       the kernel has it\n");
  CHECK(findings_json(findings)[0]["state"] == "problem");
  CHECK(findings_json(findings)[1]["fix"] == "");
}
