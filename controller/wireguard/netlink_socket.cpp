#include "controller/wireguard/netlink_socket.hpp"

#include <cerrno>
#include <optional>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "controller/secrets/wipe.hpp"

namespace adit::wireguard::netlink {
namespace {

constexpr Milliseconds kDeadline{5000};
constexpr int kAttempts = 5;                    // of a dump that changes keep breaking off
constexpr std::size_t kBufferSize = 64 * 1024;  // the kernel fills at most 32 KiB of a dump
constexpr int kSocketBuffer = 1024 * 1024;

/// Where the kernel drops what finds no room (ENOBUFS), the answer may have been among it.
constexpr int kLost = ENOBUFS;

/// Best effort: an older kernel answers without it too, only with less text.
void set_option(mnl_socket* socket, int option) {
  int on = 1;
  (void)mnl_socket_setsockopt(socket, option, &on, sizeof on);
}

}  // namespace

Error netlink_error(std::string_view what, const Acknowledgement& acknowledgement) {
  const int code = acknowledgement.sys_errno;
  Error error = sys_error(what, code);
  switch (code) {
    case EPERM:
      error.what = fmt::format(
          "{}: needs CAP_NET_ADMIN: run adit-controller as root, or with "
          "AmbientCapabilities=CAP_NET_ADMIN in its systemd unit",
          what);
      break;
    case ENODEV:
      error.what = fmt::format("{}: there is no such interface (ENODEV)", what);
      break;
    case ESRCH:
      error.code = Errc::NotFound;
      break;
    case EEXIST:
      error.code = Errc::Conflict;
      error.what = fmt::format("{}: it exists already (EEXIST)", what);
      break;
    case EADDRINUSE:
      error.code = Errc::Conflict;
      error.what = fmt::format(
          "{}: the UDP port is taken by another program (EADDRINUSE); "
          "`ss -lunp` names it",
          what);
      break;
    case EOPNOTSUPP:
      error.what = fmt::format("{}: this kernel cannot do that (EOPNOTSUPP)", what);
      break;
    default:
      break;
  }
  if (!acknowledgement.text.empty()) error.what += fmt::format(" [{}]", acknowledgement.text);
  return error;
}

void NetlinkSocket::Close::operator()(mnl_socket* socket) const noexcept {
  (void)mnl_socket_close(socket);
}

NetlinkSocket::NetlinkSocket(mnl_socket* socket) : socket_(socket), buffer_(kBufferSize) {}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  mnl_socket* raw = mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (raw == nullptr) return fail_sys("open a netlink socket", errno);
  NetlinkSocket socket(raw);
  if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) != 0) {
    return fail_sys("bind a netlink socket", errno);
  }
  set_option(raw, NETLINK_EXT_ACK);
  set_option(raw, NETLINK_CAP_ACK);  // errors do not repeat the request, which may hold a key
  set_option(raw, NETLINK_GET_STRICT_CHK);  // dumps filter by link and table in the kernel
  const int size = kSocketBuffer;
  (void)::setsockopt(mnl_socket_get_fd(raw), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return socket;
}

Result<void> NetlinkSocket::request(Message& message, std::string_view what,
                                    const OnMessage& on_message) {
  const auto outcome = exchange(message, what, on_message);
  if (!outcome) return fail(outcome.error());
  return {};
}

Result<void> NetlinkSocket::dump(Message& message, std::string_view what,
                                 const std::function<void()>& restart,
                                 const OnMessage& on_message) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    restart();
    const auto outcome = exchange(message, what, on_message);
    if (outcome && *outcome == Outcome::Complete) return {};
    if (!outcome && outcome.error().sys_errno != kLost) return fail(outcome.error());
  }
  return fail(Errc::Unavailable, fmt::format("{}: it kept changing while it was read", what));
}

Result<NetlinkSocket::Outcome> NetlinkSocket::exchange(Message& message, std::string_view what,
                                                       const OnMessage& on_message) {
  set_sequence(message, ++sequence_);
  if (mnl_socket_sendto(socket_.get(), message.data(), message.size()) < 0) {
    return fail_sys(what, errno);
  }
  const secrets::WipeAtExit wiper(buffer_);
  return collect(what, on_message);
}

/// Reads until the acknowledgement of the current sequence number. Answers to older requests, whose
/// deadline had passed, are dropped here.
Result<NetlinkSocket::Outcome> NetlinkSocket::collect(std::string_view what,
                                                      const OnMessage& on_message) {
  const auto deadline = SteadyClock::now() + kDeadline;
  auto outcome = Outcome::Complete;
  while (true) {
    const auto size = receive(deadline);
    if (!size) return fail(size.error().within(what));
    const auto messages = split_datagram({buffer_.data(), *size});
    if (!messages) return fail(messages.error().within(what));
    for (const auto& message : *messages) {
      if (message.sequence != sequence_) continue;
      if ((message.flags & NLM_F_DUMP_INTR) != 0) outcome = Outcome::Interrupted;
      if (message.type == NLMSG_ERROR || message.type == NLMSG_DONE) {
        const auto ended = parse_acknowledgement(message);
        if (!ended) return fail(ended.error().within(what));
        if (ended->sys_errno != 0) return fail(netlink_error(what, *ended));
        return outcome;
      }
      if (message.type < NLMSG_MIN_TYPE || !on_message) continue;
      if (auto taken = on_message(message); !taken) return fail(taken.error().within(what));
    }
  }
}

/// One datagram from the kernel into buffer_; anything from another sender is dropped.
Result<std::size_t> NetlinkSocket::receive(TimePoint deadline) {
  const int fd = mnl_socket_get_fd(socket_.get());
  while (true) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t got = ::recvfrom(fd, buffer_.data(), buffer_.size(), MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (got >= 0) {
      if (sender.nl_pid != 0) continue;
      if (static_cast<std::size_t>(got) <= buffer_.size()) return static_cast<std::size_t>(got);
      return fail(Errc::Protocol, "netlink: an answer larger than the buffer");
    }
    if (errno == EINTR) continue;
    if (errno == kLost)
      return fail(Error{Errc::Unavailable, "the kernel dropped its answer", kLost});
    if (errno != EAGAIN) return fail_sys("read from netlink", errno);
    const auto left =
        std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) return fail(Errc::Unavailable, "the kernel did not answer in time");
    pollfd waiting{fd, POLLIN, 0};
    (void)::poll(&waiting, 1, static_cast<int>(left));
  }
}

}  // namespace adit::wireguard::netlink
