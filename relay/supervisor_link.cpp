#include "relay/supervisor_link.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

namespace adit::relay {

namespace {

/// Room for kMaxLinkFds descriptors, aligned as the kernel wants it.
struct alignas(cmsghdr) ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxLinkFds)> bytes{};
};

std::vector<UniqueFd> take_fds(msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

LinkMessage link_message(LinkType type, std::uint32_t id, const control::ListenAddress& listener) {
  LinkMessage message;
  message.type = type;
  message.id = id;
  message.port = listener.port;
  message.family = listener.address.is_v4() ? 4 : 6;
  message.protocol = static_cast<std::uint8_t>(listener.protocol);
  std::ranges::copy(listener.address.bytes(), std::begin(message.address));
  return message;
}

control::ListenAddress listener_of(const LinkMessage& message) {
  const std::span<const std::uint8_t> bytes(message.address);
  // Only a process of this very program speaks here; what it cannot have said is Tls.
  const bool is_known = message.protocol <= static_cast<std::uint8_t>(control::Protocol::Raw);
  return {IpAddress(bytes.first(message.family == 4 ? 4 : 16)), message.port,
          is_known ? control::Protocol{message.protocol} : control::Protocol::Tls};
}

LinkMessage link_message(LinkType type, const TableId& table) {
  static_assert(sizeof table == sizeof LinkMessage::address &&
                std::is_trivially_copyable_v<TableId>);
  LinkMessage message;
  message.type = type;
  std::memcpy(message.address, &table, sizeof table);
  return message;
}

TableId table_of(const LinkMessage& message) {
  TableId table;
  std::memcpy(&table, message.address, sizeof table);
  return table;
}

Result<void> link_send(int socket, const LinkMessage& message, std::span<const int> fds) {
  assert(fds.size() <= kMaxLinkFds);
  LinkMessage copy = message;
  iovec part{&copy, sizeof copy};
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno != EINTR) return fail_sys("send to the other process", errno);
  }
  return {};
}

Result<std::optional<LinkReceived>> link_receive(int socket) {
  LinkReceived received;
  iovec part{&received.message, sizeof received.message};
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t count = -1;
  do {
    count = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return std::nullopt;
  if (count == 0 || (count < 0 && errno == ECONNRESET)) {
    return fail(Errc::NotFound, "the other process has ended");
  }
  if (count < 0) return fail_sys("receive from the other process", errno);
  received.fds = take_fds(header);
  if (count != sizeof received.message || received.message.version != LinkMessage::kVersion ||
      (header.msg_flags & MSG_TRUNC) != 0) {
    return fail(Errc::Protocol, "a message of another version from the other process");
  }
  return received;
}

}  // namespace adit::relay
