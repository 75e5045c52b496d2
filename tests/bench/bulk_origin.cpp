// bulk_origin ADDRESS PORT...: takes a ClientHello, then does what that asks for (bulk_wire.hpp):
// streams zeros by sendfile(2) from memory, reads bytes away in the kernel, or echoes. One thread,
// one epoll: it should cost less than any relay. Prints "ready" and runs until its input ends.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

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

namespace {

using adit::UniqueFd;
using adit::bench::BulkRequest;
using adit::bench::Then;

constexpr std::uint64_t kZeros = std::uint64_t{4} << 20;
/// Per turn of one connection, so that streams share the sender.
constexpr std::size_t kTurn = std::size_t{1} << 20;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Stream {
  UniqueFd fd;
  std::array<std::uint8_t, 4096> hello{};
  std::size_t received = 0;
  bool is_asked = false;
  BulkRequest request;
};

class Origin {
 public:
  explicit Origin(const std::vector<adit::Endpoint>& ends)
      : zeros_(::memfd_create("zeros", MFD_CLOEXEC)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (::ftruncate(zeros_.get(), kZeros) != 0) die("ftruncate");
    for (const auto& end : ends) listen(end);
    watch(STDIN_FILENO, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 64> events{};
    while (true) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == STDIN_FILENO) return;
        if (listening_.contains(fd)) {
          accept_all(fd);
        } else if (!advance(streams_.at(fd))) {
          streams_.erase(fd);
        }
      }
    }
  }

 private:
  /// Until the end of the process.
  void listen(const adit::Endpoint& at) {
    sockaddr_storage address{};
    const socklen_t size = at.to_sockaddr(address);
    UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) die("bind");
    if (::listen(fd.get(), 4096) != 0) die("listen");
    watch(fd.get(), EPOLLIN);
    listening_.insert(fd.release());
  }

  void watch(int fd, std::uint32_t events, int operation = EPOLL_CTL_ADD) const {
    epoll_event event{events, {}};
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) die("epoll_ctl");
  }

  void accept_all(int listening) {
    while (true) {
      UniqueFd fd(::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd.is_open()) return;
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(fd.get(), EPOLLIN);
      const int key = fd.get();
      streams_[key].fd = std::move(fd);
    }
  }

  /// False: the stream is done.
  bool advance(Stream& stream) const {
    if (!stream.is_asked) return receive(stream);
    switch (stream.request.then) {
      case Then::Take:
        return take(stream);
      case Then::Echo:
        return echo(stream);
      case Then::Hold:
      case Then::Close:
        break;
    }
    return send(stream);
  }

  bool receive(Stream& stream) const {
    const ssize_t count = ::recv(stream.fd.get(), stream.hello.data() + stream.received,
                                 stream.hello.size() - stream.received, 0);
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    stream.received += static_cast<std::size_t>(count);
    const auto& hello = stream.hello;
    if (stream.received < 5) return true;
    const std::size_t size = std::size_t{5} + (std::size_t{hello[3]} << 8U) + hello[4];
    if (stream.received < size) return true;
    stream.request = BulkRequest::read_from(std::span(hello).first(size));
    stream.is_asked = true;
    const auto behind = std::span(hello).first(stream.received).subspan(size);
    switch (stream.request.then) {
      case Then::Take:
        stream.request.bytes -= behind.size();
        return true;
      case Then::Echo:
        return behind.empty() || send_back(stream, behind);
      case Then::Hold:
      case Then::Close:
        break;
    }
    watch(stream.fd.get(), EPOLLOUT, EPOLL_CTL_MOD);
    return true;
  }

  static bool take(Stream& stream) {
    const ssize_t count =
        ::recv(stream.fd.get(), nullptr, std::min(stream.request.bytes, kZeros), MSG_TRUNC);
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    stream.request.bytes -= static_cast<std::uint64_t>(count);
    if (stream.request.bytes > 0) return true;
    ::send(stream.fd.get(), "", 1, MSG_NOSIGNAL);
    return false;
  }

  static bool echo(Stream& stream) {
    std::array<std::uint8_t, 4096> room{};
    const ssize_t count = ::recv(stream.fd.get(), room.data(), room.size(), 0);
    if (count < 0) return errno == EAGAIN;
    return count > 0 && send_back(stream, std::span(room).first(static_cast<std::size_t>(count)));
  }

  /// A message is far smaller than a socket's buffer, and only one is on its way.
  static bool send_back(Stream& stream, std::span<const std::uint8_t> bytes) {
    return ::send(stream.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  bool send(Stream& stream) const {
    std::size_t turn = kTurn;
    while (stream.request.bytes > 0 && turn > 0) {
      off_t offset = 0;
      const auto wanted = std::min<std::uint64_t>({stream.request.bytes, turn, kZeros});
      const ssize_t count = ::sendfile(stream.fd.get(), zeros_.get(), &offset, wanted);
      if (count < 0) return errno == EAGAIN;
      stream.request.bytes -= static_cast<std::uint64_t>(count);
      turn -= static_cast<std::size_t>(count);
    }
    if (stream.request.bytes > 0) return true;
    if (stream.request.then == Then::Close) return false;
    // Held open: from here on only the client's end is waited for.
    stream.is_asked = false;
    stream.received = 0;
    watch(stream.fd.get(), EPOLLIN, EPOLL_CTL_MOD);
    return true;
  }

  UniqueFd zeros_;
  UniqueFd epoll_;
  std::set<int> listening_;
  std::map<int, Stream> streams_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<adit::Endpoint> ends;
  for (int i = 2; i < argc; ++i) {
    const auto end = adit::Endpoint::parse(std::string(argv[1]) + ":" + argv[i]);
    if (!end) ends.clear();
    if (!end) break;
    ends.push_back(*end);
  }
  if (ends.empty()) {
    std::fputs("usage: bulk_origin ADDRESS PORT...\n", stderr);
    return 2;
  }
  Origin origin(ends);
  std::puts("ready");
  std::fflush(stdout);
  origin.run();
}
