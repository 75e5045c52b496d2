#include "common/os/wait.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace adit::os {

namespace {

tl::unexpected<Error> timed_out() {
  return fail(Error{Errc::Unavailable, "no answer in time", ETIMEDOUT});
}

tl::unexpected<Error> stopped() {
  return fail(Error{Errc::Unavailable, "stopped", ECANCELED});
}

/// Milliseconds for poll(2), rounded up so that it does not return just before the deadline.
int milliseconds_until(TimePoint deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - SteadyClock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

Result<void> poll_both(int fd, short events, int wake, const Patience& patience) {
  std::array<pollfd, 2> set{pollfd{fd, events, 0}, pollfd{wake, POLLIN, 0}};
  while (true) {
    if (patience.stop.stop_requested()) return stopped();
    const int timeout = milliseconds_until(patience.deadline);
    if (timeout == 0) return timed_out();
    const int ready = ::poll(set.data(), wake >= 0 ? 2 : 1, timeout);
    if (ready < 0 && errno != EINTR) return fail_sys("poll", errno);
    if (ready > 0 && set[0].revents != 0) return {};
  }
}

}  // namespace

Result<void> wait_ready(int fd, short events, const Patience& patience) {
  if (!patience.stop.stop_possible()) return poll_both(fd, events, -1, patience);
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.is_open()) return fail_sys("make an eventfd", errno);
  const std::stop_callback on_stop(patience.stop, [&] { (void)::eventfd_write(wake.get(), 1); });
  return poll_both(fd, events, wake.get(), patience);
}

Result<UniqueFd> connect_tcp(const Endpoint& endpoint, const Patience& patience) {
  sockaddr_storage address{};
  const socklen_t size = endpoint.to_sockaddr(address);
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd.is_open()) return fail_sys("make a socket", errno);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string what = "connect to " + endpoint.to_string();
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  if (errno != EINPROGRESS) return fail_sys(what, errno);
  if (auto ready = wait_ready(fd.get(), POLLOUT, patience); !ready) {
    return fail(ready.error().within(what));
  }
  int cause = 0;
  socklen_t cause_size = sizeof cause;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &cause, &cause_size);
  if (cause != 0) return fail_sys(what, cause);
  return fd;
}

}  // namespace adit::os
