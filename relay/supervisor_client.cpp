#include "relay/supervisor_client.hpp"

#include <cerrno>
#include <utility>

#include <poll.h>

#include "common/log.hpp"

namespace adit::relay {

namespace {
/// It does nothing slow; after so long something is badly wrong with it.
constexpr int kReplyMilliseconds = 5000;
}  // namespace

Result<std::unique_ptr<SupervisorClient>> SupervisorClient::create(uv::Loop& loop, UniqueFd link,
                                                                   Events events) {
  std::unique_ptr<SupervisorClient> client(
      new SupervisorClient(loop, std::move(link), std::move(events)));
  auto poll = uv::Poll::create(
      loop, client->link_.get(),
      [](void* context, int, int) noexcept {
        static_cast<SupervisorClient*>(context)->on_readable();
      },
      client.get());
  if (!poll) return fail(std::move(poll).error());
  client->poll_ = std::move(*poll);
  client->poll_.update(UV_READABLE);
  return client;
}

SupervisorClient::SupervisorClient(uv::Loop& loop, UniqueFd link, Events events)
    : link_(std::move(link)),
      postponed_ready_(loop, [this] { handle_postponed(); }),
      events_(std::move(events)) {}

/// All that there is, in the order in which it was sent: the last order counts.
void SupervisorClient::on_readable() {
  while (true) {
    handle_postponed();
    auto received = link_receive(link_.get());
    if (!received) {
      poll_.update(0);
      return events_.on_end();
    }
    if (!*received) return;
    postponed_.push_back(std::move(**received));
  }
}

void SupervisorClient::handle(LinkReceived received) {
  const LinkMessage& message = received.message;
  switch (message.type) {
    case LinkType::Ping: {
      LinkMessage pong = message;
      pong.type = LinkType::Pong;
      return send(pong);
    }
    case LinkType::Serve:
    case LinkType::Freeze:
    case LinkType::Drain:
    case LinkType::TableChanged:
      return events_.on_order(message.type);
    case LinkType::TakeOver:
      if (received.fds.size() == 1) events_.on_take_over(std::move(received.fds.front()));
      return;
    default:
      return;  // a late answer, or from a newer supervisor
  }
}

void SupervisorClient::handle_postponed() {
  while (!postponed_.empty()) {
    LinkReceived received = std::move(postponed_.front());
    postponed_.pop_front();
    handle(std::move(received));
  }
}

void SupervisorClient::send(const LinkMessage& message) {
  // A supervisor that is gone is noticed by the end of the link.
  if (auto sent = link_send(link_.get(), message); !sent) {
    log::warning("relay: {}; continuing", sent.error().what);
  }
}

Result<LinkReceived> SupervisorClient::wait_for_reply(std::uint32_t id) {
  while (true) {
    pollfd watched{link_.get(), POLLIN, 0};
    const int ready = ::poll(&watched, 1, kReplyMilliseconds);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Errc::Unavailable, "the supervisor does not answer");
    auto received = link_receive(link_.get());
    if (!received) return fail(std::move(received).error());
    if (!*received) continue;
    if ((*received)->message.type == LinkType::BindReply && (*received)->message.id == id) {
      return std::move(**received);
    }
    postponed_.push_back(std::move(**received));
    postponed_ready_.send();
  }
}

Result<BoundListener> SupervisorClient::bind(const control::ListenAddress& address) {
  send(link_message(LinkType::Bind, ++last_id_, address));
  auto reply = wait_for_reply(last_id_);
  if (!reply) return fail(std::move(reply).error());
  if (reply->message.sys_errno != 0) return fail_sys("bind", reply->message.sys_errno);
  if (reply->fds.empty()) return fail(Errc::Internal, "the supervisor sent no listener");
  if (reply->fds.size() != reply->message.count) return fail_sys("take listeners", EMFILE);
  return BoundListener{reply->message.bound_port, std::move(reply->fds)};
}

void SupervisorClient::unbind(const control::ListenAddress& address) {
  send(link_message(LinkType::Unbind, ++last_id_, address));
}

void SupervisorClient::report(LinkType what, const TableId& table) {
  send(link_message(what, table));
}

void SupervisorClient::report(LinkType what) {
  send({.type = what});
}

}  // namespace adit::relay
