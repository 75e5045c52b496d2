// bulk_client ADDRESS:PORT NAME MODE…: what relay_bench.py lets loose on a relay. Each connection
// begins with a real ClientHello for NAME that tells bulk_origin what to send (bulk_wire.hpp).
//   stream STREAMS BYTES    reads BYTES over STREAMS connections at once, in the kernel (MSG_TRUNC)
//   connect COUNT PARALLEL  COUNT connections one byte long, PARALLEL at a time
//   hold COUNT              COUNT connections that stay open until standard input ends
// Prints one line: bytes, seconds.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/ip_address.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/bulk_wire.hpp"
#include "tests/support/client_hello_builder.hpp"

namespace {

using adit::UniqueFd;
using adit::bench::BulkRequest;
using Clock = std::chrono::steady_clock;

/// One recv discards at most so much; nothing is copied, so the size is free.
constexpr std::size_t kGulp = std::size_t{4} << 20;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Client {
 public:
  Client(const adit::Endpoint& at, const std::string& name)
      : hello_(adit::test::browser_hello(name).record()), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    address_size_ = at.to_sockaddr(address_);
  }

  /// A connection that has sent its hello. Blocking: on loopback that is the cheapest.
  UniqueFd open(const BulkRequest& request) {
    UniqueFd fd(::socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.is_open()) die("socket");
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address_), address_size_) != 0) {
      die("connect");
    }
    request.write_into(hello_);
    if (::send(fd.get(), hello_.data(), hello_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(hello_.size())) {
      die("send");
    }
    return fd;
  }

  void watch(UniqueFd fd) {
    epoll_event event{EPOLLIN, {}};
    event.data.fd = fd.release();  // closed when its stream ends
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event.data.fd, &event) != 0) die("epoll_ctl");
    ++open_;
  }

  /// Reads whatever comes until `on_end` has been told of the last stream's end.
  template <class OnEnd>
  std::uint64_t read_all(OnEnd on_end) {
    std::uint64_t total = 0;
    std::array<epoll_event, 64> events{};
    while (open_ > 0) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        const ssize_t got = ::recv(fd, nullptr, kGulp, MSG_TRUNC | MSG_DONTWAIT);
        if (got > 0) total += static_cast<std::uint64_t>(got);
        if (got < 0 && errno != EAGAIN) die("recv");
        if (got != 0) continue;
        ::close(fd);
        --open_;
        on_end();
      }
    }
    return total;
  }

 private:
  std::vector<std::uint8_t> hello_;
  UniqueFd epoll_;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::size_t open_ = 0;
};

std::uint64_t stream(Client& client, std::uint64_t streams, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < streams; ++i) client.watch(client.open({bytes / streams, true}));
  return client.read_all([] {});
}

std::uint64_t connect(Client& client, std::uint64_t count, std::uint64_t parallel) {
  std::uint64_t left = count;
  const auto next = [&] {
    if (left == 0) return;
    --left;
    client.watch(client.open({1, true}));
  };
  for (std::uint64_t i = 0; i < parallel; ++i) next();
  return client.read_all(next);
}

std::uint64_t hold(Client& client, std::uint64_t count) {
  std::vector<UniqueFd> held;
  for (std::uint64_t i = 0; i < count; ++i) {
    held.push_back(client.open({1, false}));
    std::uint8_t byte = 0;
    if (::recv(held.back().get(), &byte, 1, 0) != 1) die("recv");
  }
  std::puts("held");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) {
    return std::strtoull(arguments.at(i).c_str(), nullptr, 10);
  };
  const auto at = adit::Endpoint::parse(arguments.empty() ? "" : arguments[0]);
  const std::string mode = arguments.size() > 2 ? arguments[2] : "";
  const std::size_t wanted = mode == "hold" ? 4 : 5;
  if (!at || arguments.size() != wanted) {
    std::fputs(
        "usage: bulk_client ADDRESS:PORT NAME stream STREAMS BYTES | connect COUNT PARALLEL | hold "
        "COUNT\n",
        stderr);
    return 2;
  }
  Client client(*at, arguments[1]);
  const auto begun = Clock::now();
  std::uint64_t bytes = 0;
  if (mode == "stream") bytes = stream(client, number(3), number(4));
  if (mode == "connect") bytes = connect(client, number(3), number(4));
  if (mode == "hold") bytes = hold(client, number(3));
  const std::chrono::duration<double> took = Clock::now() - begun;
  std::printf("%llu %.6f\n", static_cast<unsigned long long>(bytes), took.count());
}
