// bulk_origin ADDRESS PORT: takes a ClientHello, then streams as many zeros as it asks for (see
// bulk_wire.hpp) by sendfile(2) from memory. One thread, one epoll: it should cost less than any
// relay. Prints "ready" and runs until its standard input ends.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

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

constexpr std::size_t kZeros = std::size_t{4} << 20;
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
  explicit Origin(const adit::Endpoint& at)
      : zeros_(::memfd_create("zeros", MFD_CLOEXEC)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (::ftruncate(zeros_.get(), kZeros) != 0) die("ftruncate");
    sockaddr_storage address{};
    const socklen_t size = at.to_sockaddr(address);
    listening_.reset(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listening_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) die("bind");
    if (::listen(listening_.get(), 4096) != 0) die("listen");
    watch(listening_.get(), EPOLLIN);
    watch(STDIN_FILENO, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 64> events{};
    while (true) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == STDIN_FILENO) return;
        if (fd == listening_.get()) {
          accept_all();
        } else if (!advance(streams_.at(fd))) {
          streams_.erase(fd);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t events, int operation = EPOLL_CTL_ADD) const {
    epoll_event event{events, {}};
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) die("epoll_ctl");
  }

  void accept_all() {
    while (true) {
      UniqueFd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd.is_open()) return;
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(fd.get(), EPOLLIN);
      const int key = fd.get();
      streams_[key].fd = std::move(fd);
    }
  }

  /// False: the stream is done.
  bool advance(Stream& stream) const { return stream.is_asked ? send(stream) : receive(stream); }

  bool receive(Stream& stream) const {
    const ssize_t count = ::recv(stream.fd.get(), stream.hello.data() + stream.received,
                                 stream.hello.size() - stream.received, 0);
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    stream.received += static_cast<std::size_t>(count);
    const auto& hello = stream.hello;
    if (stream.received < 5 ||
        stream.received < std::size_t{5} + (std::size_t{hello[3]} << 8U) + hello[4]) {
      return true;
    }
    stream.request = BulkRequest::read_from(std::span(hello).first(stream.received));
    stream.is_asked = true;
    watch(stream.fd.get(), EPOLLOUT, EPOLL_CTL_MOD);
    return true;
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
    if (stream.request.closes_after) return false;
    // Held open: from here on only the client's end is waited for.
    stream.is_asked = false;
    stream.received = 0;
    watch(stream.fd.get(), EPOLLIN, EPOLL_CTL_MOD);
    return true;
  }

  UniqueFd zeros_;
  UniqueFd epoll_;
  UniqueFd listening_;
  std::map<int, Stream> streams_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto at = argc == 3 ? adit::Endpoint::parse(std::string(argv[1]) + ":" + argv[2])
                            : adit::Result<adit::Endpoint>(adit::fail(adit::Errc::Invalid, ""));
  if (!at) {
    std::fputs("usage: bulk_origin ADDRESS PORT\n", stderr);
    return 2;
  }
  Origin origin(*at);
  std::puts("ready");
  std::fflush(stdout);
  origin.run();
}
