#include "controller/wireguard/interface_watch.hpp"

#include <cerrno>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "controller/wireguard/netlink_message.hpp"
#include "controller/wireguard/rtnetlink_codec.hpp"

namespace adit::wireguard {
namespace {

constexpr unsigned kGroups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
/// A notification is one message; the largest, of a link, has some kilobytes.
constexpr std::size_t kBufferSize = std::size_t{32} << 10;

}  // namespace

void InterfaceWatch::Close::operator()(mnl_socket* socket) const noexcept {
  (void)mnl_socket_close(socket);
}

InterfaceWatch::InterfaceWatch(mnl_socket* socket, std::string name)
    : socket_(socket), name_(std::move(name)), buffer_(kBufferSize) {}

Result<InterfaceWatch> InterfaceWatch::open(std::string name) {
  mnl_socket* raw = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (raw == nullptr) return fail_sys("open a netlink socket", errno);
  InterfaceWatch watch(raw, std::move(name));
  if (mnl_socket_bind(raw, kGroups, MNL_SOCKET_AUTOPID) != 0) {
    return fail_sys("listen for changes of network interfaces", errno);
  }
  // After the bind: what happens to the link in between is heard.
  watch.index_ = static_cast<int>(::if_nametoindex(watch.name_.c_str()));
  return watch;
}

int InterfaceWatch::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

bool InterfaceWatch::read_all() {
  bool is_about = false;
  while (true) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t got = ::recvfrom(fd(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (errno != ENOBUFS) return is_about;  // EAGAIN: nothing more
      is_about = true;                        // the kernel dropped some; what is left follows
    } else if (sender.nl_pid == 0) {
      is_about = is_about_it(static_cast<std::size_t>(got)) || is_about;
    }
  }
}

bool InterfaceWatch::is_about_it(std::size_t size) {
  if (size > buffer_.size()) return true;  // cut off: rather look once too often
  const auto messages = netlink::split_datagram({buffer_.data(), size});
  if (!messages) return true;
  bool is_about = false;
  for (const netlink::MessageView& message : *messages) {
    const auto news = netlink::decode_news(message);
    if (!news) return true;
    if (!*news) continue;
    if ((*news)->name == name_) index_ = (*news)->index;
    is_about = is_about || (index_ != 0 && (*news)->index == index_);
  }
  return is_about;
}

}  // namespace adit::wireguard
