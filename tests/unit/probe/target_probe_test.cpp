// What the probe says of real servers of each kind, within its second.
#include "controller/probe/target_probe.hpp"

#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/probe/servers.hpp"

using adit::Endpoint;
using adit::Milliseconds;
using adit::SteadyClock;
using adit::UniqueFd;
using adit::probe::probe_target;
using adit::probe::ProbeReport;
using adit::probe::ProbeResult;
using adit::probe::test::Servers;
namespace os = adit::os;

namespace {

/// Long enough for a loaded machine where the answer does not come from the deadline itself.
ProbeReport probe(const Endpoint& target, const std::string& name = "app.example.test",
                  Milliseconds time = Milliseconds(60'000)) {
  return probe_target(target, name, {SteadyClock::now() + time, {}});
}

/// A bound TCP socket on loopback; `port` of it.
struct BoundSocket {
  UniqueFd fd;
  Endpoint endpoint;

  BoundSocket() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(fd.get(), generic, size) == 0);
    REQUIRE(::getsockname(fd.get(), generic, &size) == 0);
    endpoint = Endpoint::from_sockaddr(generic, size).value();
  }
};

}  // namespace

TEST_CASE("target_probe: tells what real servers speak", "[probe]") {
  struct Case {
    const char* kind;
    const char* name;
    ProbeResult want;
    const char* detail;
    Milliseconds time = Milliseconds(60'000);
  };

  // These say nothing to a ClientHello: half of the time passes before they are asked otherwise.
  const Milliseconds waited(6'000);

  const std::vector<Case> cases{
      {"tls", "app.example.test", ProbeResult::Tls, "TLSv1.3"},
      {"tls", "", ProbeResult::Tls, "TLSv1.3"},
      {"tls12", "app.example.test", ProbeResult::Tls, "TLSv1.2"},
      {"choosy", "other.example.test", ProbeResult::Tls, "unrecognized name"},
      {"slow_https", "app.example.test", ProbeResult::Tls, "HTTPS", waited},
      {"nginx_https", "app.example.test", ProbeResult::Tls, "TLSv1."},
      {"nginx_http", "app.example.test", ProbeResult::PlainHttp, "HTTP/1.1 400"},
      {"go_http", "app.example.test", ProbeResult::PlainHttp, "HTTP/1.1 400"},
      {"http", "app.example.test", ProbeResult::PlainHttp, "HTTP/1.0 200", waited},
      {"closing", "app.example.test", ProbeResult::Closed, "closes"},
      {"ssh", "app.example.test", ProbeResult::Other, "SSH-2.0-OpenSSH"},
  };
  const auto& servers = Servers::shared();
  for (const auto& each : cases) {
    CAPTURE(each.kind, each.name);
    if (!servers.has(each.kind)) {
      WARN("no nginx here: " << each.kind << " not asked");
      continue;
    }
    const ProbeReport report = probe(servers.at(each.kind), each.name, each.time);
    CAPTURE(report.detail);
    CHECK(to_string(report.result) == to_string(each.want));
    CHECK(report.detail.find(each.detail) != std::string::npos);
  }
}

TEST_CASE("target_probe: a target that wants to be told who comes", "[probe]") {
  using adit::control::ProxyProtocol;
  if (!Servers::shared().has("nginx_proxied")) {
    WARN("no nginx here: not asked");
    return;
  }
  const Endpoint target = Servers::shared().at("nginx_proxied");
  for (const auto version : {ProxyProtocol::V1, ProxyProtocol::V2}) {
    const ProbeReport report = probe_target(
        target, "app.example.test", {SteadyClock::now() + Milliseconds(60'000), {}}, version);
    CAPTURE(report.detail);
    CHECK(report.result == ProbeResult::Tls);
  }
  CHECK(probe(target).result != ProbeResult::Tls);
}

TEST_CASE("target_probe: nobody listens", "[probe]") {
  const BoundSocket bound;  // bound, not listening: nobody else can take the port meanwhile
  const ProbeReport report = probe(bound.endpoint);
  CHECK(report.result == ProbeResult::Refused);
}

TEST_CASE("target_probe: no way there", "[probe]") {
  const ProbeReport report = probe(Endpoint::parse("255.255.255.255:443").value());
  CAPTURE(report.detail);
  CHECK(report.result == ProbeResult::Unreachable);
  CHECK_FALSE(report.detail.empty());
}

TEST_CASE("target_probe: keeps to its time whatever the target does", "[probe]") {
  // A full backlog drops what comes on top: connect(2) hangs there.
  const BoundSocket deaf;
  REQUIRE(::listen(deaf.fd.get(), 0) == 0);
  std::vector<UniqueFd> backlog;
  for (int i = 0; i < 8; ++i) {
    backlog.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage address{};
    const socklen_t size = deaf.endpoint.to_sockaddr(address);
    (void)::connect(backlog.back().get(), reinterpret_cast<sockaddr*>(&address), size);
  }
  for (const Endpoint& target : {deaf.endpoint, Servers::shared().at("silent")}) {
    const ProbeReport report = probe(target, "app.example.test", Milliseconds(200));
    CAPTURE(report.detail);
    CHECK(report.result == ProbeResult::Timeout);
    CHECK(report.took >= Milliseconds(199));
    CHECK(report.took < Milliseconds(30'000));
  }
}

TEST_CASE("target_probe: a stop request ends it", "[probe]") {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto report = probe_target(Servers::shared().at("silent"), "",
                                   {SteadyClock::now() + std::chrono::hours(1), stop.get_token()});
  CHECK(report.result == ProbeResult::Timeout);
  CHECK(report.took < Milliseconds(60'000));
}
