#include "relay/takeover_link.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "relay/moved_connection.hpp"

namespace adit::relay {

namespace {

/// Room for kMaxBatchFds descriptors, aligned as the kernel wants it.
struct alignas(cmsghdr) ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxBatchFds)> bytes{};
};

/// Until `socket` is ready for `events`; false: not before `deadline`.
bool wait_for(int socket, short events, TimePoint deadline) {
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - SteadyClock::now());
    pollfd watched{socket, events, 0};
    const int ready =
        ::poll(&watched, 1, static_cast<int>(std::max(left, Milliseconds{0}).count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void attach(msghdr& header, ControlBuffer& control, std::span<const int> fds) {
  if (fds.empty()) return;
  header.msg_control = control.bytes.data();
  header.msg_controllen = CMSG_SPACE(fds.size_bytes());
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
}

void detach(msghdr& header, std::vector<UniqueFd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

Result<void> takeover_send(int socket, const TakeoverHead& head, std::span<const std::uint8_t> body,
                           std::span<const int> fds, TimePoint deadline) {
  assert(fds.size() <= kMaxBatchFds && body.size() <= kMaxBatchBytes);
  TakeoverHead copy = head;
  std::array<iovec, 2> parts{
      {{&copy, sizeof copy}, {const_cast<std::uint8_t*>(body.data()), body.size()}}};
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  attach(header, control, fds);
  while (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail_sys("send to the other process", errno);
    if (!wait_for(socket, POLLOUT, deadline)) {
      return fail(Errc::Unavailable, "the other process takes nothing");
    }
  }
  return {};
}

Result<TakeoverMessage> takeover_receive(int socket, TimePoint deadline) {
  TakeoverMessage message;
  message.body.resize(kMaxBatchBytes);
  std::array<iovec, 2> parts{
      {{&message.head, sizeof message.head}, {message.body.data(), message.body.size()}}};
  ControlBuffer control;
  msghdr header{};
  ssize_t count = -1;
  while (true) {
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    count = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count >= 0) break;
    if (errno == EINTR) continue;
    if (errno == ECONNRESET) return fail(Errc::NotFound, "the other process has ended it");
    if (errno != EAGAIN) return fail_sys("receive from the other process", errno);
    if (!wait_for(socket, POLLIN, deadline)) {
      return fail(Errc::Unavailable, "the other process is silent");
    }
  }
  if (count == 0) return fail(Errc::NotFound, "the other process has ended it");
  detach(header, message.fds);
  const auto size = static_cast<std::size_t>(count);
  // MSG_CTRUNC: there was no descriptor left here.
  if (size < sizeof message.head || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return fail(Errc::Protocol, "a message of the other process did not come whole");
  }
  if (message.head.version != TakeoverHead::kVersion) {
    return fail(Errc::Protocol, fmt::format("the other process speaks version {}, not {}",
                                            message.head.version, TakeoverHead::kVersion));
  }
  message.body.resize(size - sizeof message.head);
  return message;
}

}  // namespace adit::relay
