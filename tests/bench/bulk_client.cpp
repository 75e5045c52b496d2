// bulk_client ADDRESS:PORT NAME MODE…: what relay_bench.py lets loose on a relay. Each connection
// begins with a real ClientHello for NAME that tells bulk_origin what to send (bulk_wire.hpp).
//   stream STREAMS BYTES    reads BYTES over STREAMS connections at once, in the kernel (MSG_TRUNC)
//   up STREAMS BYTES        sends BYTES over STREAMS connections at once, from memory (sendfile)
//   connect COUNT PARALLEL HOSTS   COUNT connections one byte long, PARALLEL at a time; HOSTS > 0:
//                           for h0.NAME, h1.NAME, ... of so many hosts, evenly
//   reset COUNT PARALLEL    the same, but the client resets each after its byte
//   echo CONNECTIONS MESSAGES   messages of 64 bytes, sent anew when they come back
//   hold COUNT              COUNT connections that stay open until standard input ends
// Prints one line: bytes (connections, messages), seconds; echo adds the median of the µs of one.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/net/ip_address.hpp"
#include "common/unique_fd.hpp"
#include "tests/bench/bulk_wire.hpp"
#include "tests/support/client_hello_builder.hpp"

namespace {

using adit::UniqueFd;
using adit::bench::BulkRequest;
using adit::bench::Then;
using Clock = std::chrono::steady_clock;

/// One recv discards at most so much; nothing is copied, so the size is free.
constexpr std::size_t kGulp = std::size_t{4} << 20;
constexpr std::size_t kMessage = 64;
/// Different names that one run asks for.
constexpr std::size_t kNames = 4096;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Client {
 public:
  Client(const adit::Endpoint& at, const std::vector<std::string>& names)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const auto& name : names) hellos_.push_back(adit::test::browser_hello(name).record());
    address_size_ = at.to_sockaddr(address_);
  }

  /// A connection that has sent its hello. Blocking: on loopback that is the cheapest.
  UniqueFd open(const BulkRequest& request) {
    UniqueFd fd(::socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.is_open()) die("socket");
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address_), address_size_) != 0) {
      die("connect");
    }
    auto& hello = hellos_[next_++ % hellos_.size()];
    request.write_into(hello);
    if (::send(fd.get(), hello.data(), hello.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(hello.size())) {
      die("send");
    }
    return fd;
  }

  void watch(UniqueFd fd, std::uint32_t events = EPOLLIN) {
    epoll_event event{events, {}};
    event.data.fd = fd.release();  // closed when its stream ends
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event.data.fd, &event) != 0) die("epoll_ctl");
    ++open_;
  }

  /// Calls on_ready(fd) for whatever is ready until that has returned false for each.
  template <class OnReady>
  void serve(OnReady on_ready) {
    std::array<epoll_event, 64> events{};
    while (open_ > 0) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (on_ready(fd)) continue;
        ::close(fd);
        --open_;
      }
    }
  }

  void wait_for(int fd, std::uint32_t events) {
    epoll_event event{events, {}};
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
  }

  /// Reads whatever comes until `on_end` has been told of the last stream's end.
  template <class OnEnd>
  std::uint64_t read_all(OnEnd on_end) {
    std::uint64_t total = 0;
    serve([&](int fd) {
      const ssize_t got = ::recv(fd, nullptr, kGulp, MSG_TRUNC | MSG_DONTWAIT);
      if (got > 0) total += static_cast<std::uint64_t>(got);
      if (got < 0 && errno != EAGAIN) die("recv");
      if (got == 0) on_end();
      return got != 0;
    });
    return total;
  }

 private:
  std::vector<std::vector<std::uint8_t>> hellos_;  ///< one for each name, in turn
  std::size_t next_ = 0;
  UniqueFd epoll_;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::size_t open_ = 0;
};

std::uint64_t stream(Client& client, std::uint64_t streams, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < streams; ++i)
    client.watch(client.open({bytes / streams, Then::Close}));
  return client.read_all([] {});
}

std::uint64_t connect(Client& client, std::uint64_t count, std::uint64_t parallel) {
  std::uint64_t left = count;
  const auto next = [&] {
    if (left == 0) return;
    --left;
    client.watch(client.open({1, Then::Close}));
  };
  for (std::uint64_t i = 0; i < parallel; ++i) next();
  return client.read_all(next);
}

/// The bytes that the origin has confirmed.
std::uint64_t up(Client& client, std::uint64_t streams, std::uint64_t bytes) {
  const UniqueFd zeros(::memfd_create("zeros", MFD_CLOEXEC));
  if (::ftruncate(zeros.get(), kGulp) != 0) die("ftruncate");
  std::map<int, std::uint64_t> left;
  for (std::uint64_t i = 0; i < streams; ++i) {
    UniqueFd fd = client.open({bytes / streams, Then::Take});
    ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    left[fd.get()] = bytes / streams;
    client.watch(std::move(fd), EPOLLOUT);
  }
  std::uint64_t confirmed = 0;
  client.serve([&](int fd) {
    if (std::uint64_t& rest = left.at(fd); rest > 0) {
      off_t offset = 0;
      const ssize_t count =
          ::sendfile(fd, zeros.get(), &offset, std::min<std::uint64_t>(rest, kGulp));
      if (count < 0 && errno != EAGAIN) die("sendfile");
      if (count > 0) rest -= static_cast<std::uint64_t>(count);
      if (rest == 0) client.wait_for(fd, EPOLLIN);
      return true;
    }
    std::uint8_t byte = 0;
    if (::recv(fd, &byte, 1, 0) != 1) die("recv");
    confirmed += bytes / streams;
    return false;
  });
  return confirmed;
}

std::uint64_t reset(Client& client, std::uint64_t count, std::uint64_t parallel) {
  std::uint64_t left = count;
  const auto next = [&] {
    if (left == 0) return;
    --left;
    client.watch(client.open({1, Then::Hold}));
  };
  for (std::uint64_t i = 0; i < parallel; ++i) next();
  std::uint64_t answered = 0;
  client.serve([&](int fd) {
    std::uint8_t byte = 0;
    if (::recv(fd, &byte, 1, 0) != 1) die("recv");
    const linger none{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    ++answered;
    next();
    return false;
  });
  return answered;
}

/// The median of the microseconds that a message was away.
double echo(Client& client, std::uint64_t connections, std::uint64_t messages) {
  const std::array<std::uint8_t, kMessage> message{};
  std::map<int, Clock::time_point> sent;
  std::vector<double> times;
  std::uint64_t left = messages;
  const auto send = [&](int fd) {
    if (left == 0) return false;
    --left;
    sent[fd] = Clock::now();
    if (::send(fd, message.data(), message.size(), MSG_NOSIGNAL) != kMessage) die("send");
    return true;
  };
  for (std::uint64_t i = 0; i < connections; ++i) {
    UniqueFd fd = client.open({0, Then::Echo});
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int number = fd.get();
    client.watch(std::move(fd));
    send(number);
  }
  client.serve([&](int fd) {
    std::array<std::uint8_t, kMessage> room{};
    if (::recv(fd, room.data(), room.size(), MSG_WAITALL) != kMessage) die("recv");
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - sent[fd]).count());
    return send(fd);
  });
  if (times.size() != messages) die("messages were lost");
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

std::uint64_t hold(Client& client, std::uint64_t count) {
  std::vector<UniqueFd> held;
  for (std::uint64_t i = 0; i < count; ++i) {
    held.push_back(client.open({1, Then::Hold}));
    std::uint8_t byte = 0;
    if (::recv(held.back().get(), &byte, 1, 0) != 1) die("recv");
  }
  std::puts("held");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return count;
}

/// All of `hosts` where they are few, else some of them, spread over all.
std::vector<std::string> names_of(const std::string& name, std::uint64_t hosts) {
  if (hosts == 0) return {name};
  std::vector<std::string> names;
  const std::uint64_t count = std::min<std::uint64_t>(hosts, kNames);
  for (std::uint64_t i = 0; i < count; ++i) {
    names.push_back("h" + std::to_string(i * hosts / count) + "." + name);
  }
  return names;
}

/// How many numbers follow each mode.
const std::map<std::string, std::size_t> kModes{{"stream", 2}, {"up", 2},   {"connect", 3},
                                                {"reset", 2},  {"echo", 2}, {"hold", 1}};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto at = adit::Endpoint::parse(arguments.empty() ? "" : arguments[0]);
  const auto mode = kModes.find(arguments.size() > 2 ? arguments[2] : "");
  if (!at || mode == kModes.end() || arguments.size() != 3 + mode->second) {
    std::fputs("usage: bulk_client ADDRESS:PORT NAME MODE NUMBER...\n", stderr);
    return 2;
  }
  std::array<std::uint64_t, 3> number{};
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    number.at(i - 3) = std::strtoull(arguments[i].c_str(), nullptr, 10);
  }
  Client client(*at, names_of(arguments[1], number[2]));
  const auto begun = Clock::now();
  std::uint64_t bytes = 0;
  double median = 0;
  if (mode->first == "stream") bytes = stream(client, number[0], number[1]);
  if (mode->first == "up") bytes = up(client, number[0], number[1]);
  if (mode->first == "connect") bytes = connect(client, number[0], number[1]);
  if (mode->first == "reset") bytes = reset(client, number[0], number[1]);
  if (mode->first == "hold") bytes = hold(client, number[0]);
  if (mode->first == "echo") {
    median = echo(client, number[0], number[1]);
    bytes = number[1];
  }
  const std::chrono::duration<double> took = Clock::now() - begun;
  std::printf("%llu %.6f %.1f\n", static_cast<unsigned long long>(bytes), took.count(), median);
}
