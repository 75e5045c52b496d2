// A listening socket that fails while a worker accepts on it. No table is needed for clients that
// are over the limit at once.
#include "relay/listener.hpp"

#include <array>
#include <chrono>
#include <ctime>
#include <future>

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/worker.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/relay_io/tcp_pair.hpp"

namespace adit::relay {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Bound to a port that was chosen: such a one stays bound whatever happens to it.
UniqueFd bound_socket(std::uint16_t& port) {
  for (const bool is_first : {true, false}) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(fd.get(), generic, size) == 0);
    REQUIRE(::getsockname(fd.get(), generic, &size) == 0);
    port = ntohs(address.sin_port);
    if (!is_first) return fd;
  }
  return {};
}

/// One worker that listens on `port` and resets whom it accepts.
struct Bench {
  Bench() {
    shared.admission.set_limits({.connections = 0, .connections_per_client = 0});
    UniqueFd socket = bound_socket(port);
    copy.reset(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
    worker.start();
    std::promise<bool> listens;
    worker.post([&] {
      listens.set_value(
          worker.listen({*IpAddress::parse("127.0.0.1"), port}, std::move(socket)).has_value());
    });
    REQUIRE(listens.get_future().get());
  }

  /// Whether a client comes to be accepted within a few seconds.
  bool accepts() {
    const std::uint64_t before = worker.counters().accepted.get();
    const auto deadline = SteadyClock::now() + Seconds{5};
    while (worker.counters().accepted.get() == before && SteadyClock::now() < deadline) {
      const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in address = loopback(port);
      static_cast<void>(
          ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
      test::wait_readable(client.get());
    }
    return worker.counters().accepted.get() > before;
  }

  Shared shared{4, 1};
  std::uint16_t port = 0;
  UniqueFd copy;
  Worker worker{shared};
};

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// What `ss -K` does. The errno; 0: destroyed.
int destroy_listener(std::uint16_t port) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};

  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DESTROY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message.request.sdiag_family = AF_INET;
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1U << 10;  // TCP_LISTEN
  message.request.id.idiag_sport = htons(port);
  message.request.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
  message.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  message.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (::send(netlink.get(), &message, sizeof message, 0) < 0) return errno;

  struct {
    nlmsghdr header;
    nlmsgerr error;
    std::array<char, 256> rest;
  } answer{};

  if (::recv(netlink.get(), &answer, sizeof answer, 0) < 0) return errno;
  return -answer.error.error;
}

}  // namespace

TEST_CASE("listener: a socket that was shut down does not spin, and serves again", "[relay]") {
  Bench bench;
  REQUIRE(bench.accepts());
  REQUIRE(::shutdown(bench.copy.get(), SHUT_RDWR) == 0);
  const double before = cpu_seconds();
  std::this_thread::sleep_for(Milliseconds{500});
  CHECK(cpu_seconds() - before < 0.1);
  REQUIRE(::listen(bench.copy.get(), 16) == 0);
  CHECK(bench.accepts());
}

TEST_CASE("listener: a socket that was destroyed from outside listens again", "[relay]") {
  Bench bench;
  REQUIRE(bench.accepts());
  if (const int error = destroy_listener(bench.port); error != 0) {
    WARN("cannot destroy a socket here: errno " << error);
    return;
  }
  CHECK(bench.accepts());
}

}  // namespace adit::relay
