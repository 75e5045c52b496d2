#include "controller/apply/relay_client.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/control/codec.hpp"
#include "common/os/unix_socket.hpp"

namespace adit::apply {

namespace {

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

/// The other side closed: worth one more try where the connection was an old one.
Error closed_error() {
  return {Errc::Unavailable, "the relay closed the connection", ECONNRESET};
}

bool is_closed(const Error& error) {
  return error.sys_errno == ECONNRESET || error.sys_errno == EPIPE;
}

}  // namespace

RelayClient::RelayClient(std::string socket_path, std::string software)
    : socket_path_(std::move(socket_path)), software_(std::move(software)) {}

void RelayClient::disconnect() {
  fd_.reset();
  reader_ = control::FrameReader();
}

Result<control::CheckReply> RelayClient::check(const control::Table& table,
                                               const os::Patience& patience) {
  return ask<control::CheckReply>(control::Check{table}, patience);
}

Result<control::SetReply> RelayClient::set(const control::Table& table,
                                           const os::Patience& patience) {
  return ask<control::SetReply>(control::Set{table, control::digest(table)}, patience);
}

Result<control::Stats> RelayClient::stats(const os::Patience& patience) {
  auto stats = ask<control::Stats>(control::StatsRequest{}, patience);
  if (!stats) return stats;
  const auto owner = os::peer_credentials(fd_.get());
  if (owner && owner->pid > 0) stats->supervisor_pid = static_cast<std::uint32_t>(owner->pid);
  return stats;
}

Result<control::SiteStateReply> RelayClient::tell(const control::SiteState& sites,
                                                  const os::Patience& patience) {
  return ask<control::SiteStateReply>(sites, patience);
}

Result<control::HealthReply> RelayClient::health(const os::Patience& patience) {
  return ask<control::HealthReply>(control::HealthRequest{}, patience);
}

template <class Reply>
Result<Reply> RelayClient::ask(control::Message request, const os::Patience& patience) {
  auto message = exchange(request, patience);
  if (!message) {
    disconnect();
    return fail(message.error().within("relay"));
  }
  if (auto* reply = std::get_if<Reply>(&*message)) return std::move(*reply);
  if (const auto* failure = std::get_if<control::Failure>(&*message)) {
    return fail(failure->is_passing ? Errc::Unavailable : Errc::Protocol,
                fmt::format("relay: {}", failure->what));
  }
  disconnect();
  return fail(Errc::Protocol, "relay: the answer does not fit the question");
}

Result<control::Message> RelayClient::exchange(const control::Message& request,
                                               const os::Patience& patience) {
  if (is_connected()) {
    auto reply = round_trip(request, patience);
    // The relay was restarted since the last question; every question may be asked twice.
    if (reply || !is_closed(reply.error())) return reply;
  }
  if (auto connected = connect(patience); !connected) return fail(std::move(connected).error());
  return round_trip(request, patience);
}

Result<void> RelayClient::connect(const os::Patience& patience) {
  disconnect();
  // Non-blocking: a relay that hangs has a full backlog, where a blocking connect never returns.
  auto fd = os::connect_unix(socket_path_, /*nonblocking=*/true);
  if (!fd) return fail(std::move(fd).error());
  fd_ = std::move(*fd);
  auto greeted = greet(patience);
  if (!greeted && is_closed(greeted.error())) return fail(refused_or_gone(greeted.error()));
  return greeted;
}

Result<void> RelayClient::greet(const os::Patience& patience) {
  control::Hello hello;
  hello.software = software_;
  auto answer = round_trip(hello, patience);
  if (!answer) return fail(std::move(answer).error());
  if (const auto* failure = std::get_if<control::Failure>(&*answer)) {
    return fail(Errc::Protocol, failure->what);
  }
  const auto* reply = std::get_if<control::HelloReply>(&*answer);
  if (reply == nullptr) return fail(Errc::Protocol, "the answer to hello is something else");
  if (reply->version < control::kOldestProtocolVersion ||
      reply->version > control::kProtocolVersion) {
    return fail(Errc::Protocol,
                fmt::format("{} chose control protocol {}, this controller speaks {} to {}",
                            reply->software, reply->version, control::kOldestProtocolVersion,
                            control::kProtocolVersion));
  }
  version_ = reply->version;
  relay_software_ = reply->software;
  return {};
}

/// The relay closes the connection of a peer that it does not know, without a word.
Error RelayClient::refused_or_gone(const Error& error) const {
  const auto relay = os::peer_credentials(fd_.get());
  const uid_t own = ::geteuid();
  if (own == 0 || (relay && relay->uid == own)) return error;
  return {Errc::Denied,
          fmt::format("{} refuses uid {}; start adit-relay with --controller-user {}", socket_path_,
                      own, own),
          0};
}

Result<control::Message> RelayClient::round_trip(const control::Message& request,
                                                 const os::Patience& patience) {
  const std::uint32_t id = ++last_id_;
  auto sent = send_all(control::frame(control::encode({id, request})), patience);
  if (!sent) return fail(std::move(sent).error());
  auto body = receive_frame(patience);
  if (!body) return fail(std::move(body).error());
  auto envelope = control::decode(*body);
  if (!envelope) return fail(std::move(envelope).error());
  if (envelope->id != id) {
    return fail(Errc::Protocol,
                fmt::format("an answer to question {} came for question {}", envelope->id, id));
  }
  return std::move(envelope->message);
}

Result<void> RelayClient::send_all(std::vector<std::uint8_t> bytes, const os::Patience& patience) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      if (auto ready = os::wait_ready(fd_.get(), POLLOUT, patience); !ready) return ready;
    } else if (errno != EINTR) {
      // What the relay said before it closed (why it refuses us) may still be there to be read.
      return errno == EPIPE || errno == ECONNRESET ? Result<void>{} : fail_sys("send", errno);
    }
  }
  return {};
}

Result<std::vector<std::uint8_t>> RelayClient::receive_frame(const os::Patience& patience) {
  std::array<std::uint8_t, kReadBytes> chunk;
  while (true) {
    auto body = reader_.next();
    if (!body) return fail(std::move(body).error());
    if (*body) return std::move(**body);
    if (auto ready = os::wait_ready(fd_.get(), POLLIN, patience); !ready) {
      return fail(std::move(ready).error());
    }
    const ssize_t count = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (count > 0) {
      reader_.feed(std::span(chunk).first(static_cast<std::size_t>(count)));
    } else if (count == 0) {
      return fail(closed_error());
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail(errno == ECONNRESET ? closed_error() : sys_error("receive", errno));
    }
  }
}

}  // namespace adit::apply
