// Connection in its state AwaitingHello: the client's first bytes, up to the choice of a route.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "relay/alpn_target.hpp"
#include "relay/connection.hpp"
#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

Connection::Next Connection::read_hello(int) {
  const std::size_t held = hello_ ? hello_->bytes.size() : 0;
  const std::size_t most = is_http() ? kMaxHeadBytes + 1 : kMaxBufferedBytes;
  const auto room = worker_->scratch();
  const std::size_t asked = std::min(room.size(), most - held);
  const ssize_t count = ::recv(client_.fd.get(), room.data(), asked, 0);
  if (count < static_cast<ssize_t>(asked)) client_.poll.used_up(UV_READABLE);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Next::Continue;
  if (count <= 0) {
    const bool has_said_something = has_begun() || (hello_ && awaits_proxy_header_);
    return finish(has_said_something ? CloseReason::ClientLeftInHello
                                     : CloseReason::ClientLeftBeforeHello);
  }
  if (!hello_) hello_ = worker_->hello_buffers().lend();
  const auto bytes = room.first(static_cast<std::size_t>(count));
  if (!hello_ || !worker_->hello_buffers().append(*hello_, bytes)) {
    reset_on_close(client_.fd.get());
    return finish(CloseReason::RefusedOverHelloLimit);
  }
  return awaits_proxy_header_ ? take_proxy_header() : parse_hello();
}

Connection::Next Connection::parse_hello() {
  if (is_raw()) return choose_raw_route();
  return is_http() ? take_head(hello_->head_reader.feed(hello_->bytes))
                   : take_hello(hello_->reader.feed(hello_->bytes));
}

Connection::Next Connection::take_hello(ParseStatus status) {
  switch (status) {
    case ParseStatus::NeedMore:
      return Next::Continue;
    case ParseStatus::Complete:
      return choose_route();
    case ParseStatus::NotTls:
      return refuse(CloseReason::RefusedNotTls, std::nullopt);
    case ParseStatus::Malformed:
      return refuse(CloseReason::RefusedMalformedHello, hello_->reader.alert());
    case ParseStatus::TooLarge:
      return refuse(CloseReason::RefusedHelloTooLarge, hello_->reader.alert());
  }
  return finish(CloseReason::InternalError);
}

Connection::Next Connection::choose_route() {
  const ClientHello& hello = hello_->reader.hello();
  const bool is_acme = hello.offers_only("acme-tls/1");
  host_ = hello.server_name;
  if (!is_acme && is_kept_out()) return refuse_kept_out();
  auto route = worker_->find_route(port_, host_ ? &*host_ : nullptr);
  if (!route) {
    return refuse(host_ ? CloseReason::RefusedUnknownName : CloseReason::RefusedNoName,
                  Alert::UnrecognizedName);
  }
  if (!is_acme && !may_use(*route)) {
    return refuse(CloseReason::RefusedAccessDenied, Alert::AccessDenied);
  }
  alpn_target_ = find_alpn_target(route->spec, hello.alpn);
  return take_route(std::move(route));
}

Connection::Next Connection::choose_raw_route() {
  if (is_kept_out()) return refuse_kept_out();
  auto route = worker_->find_route(port_, nullptr);
  if (!route) return refuse_raw(CloseReason::RefusedNoName);
  return may_use(*route) ? take_route(std::move(route))
                         : refuse_raw(CloseReason::RefusedAccessDenied);
}

Connection::Next Connection::take_route(std::shared_ptr<const Route> route) {
  if (const auto over = enter_route(*route)) return refuse_over_limit(*over);
  route_ = std::move(route);
  route_->state->connections.fetch_add(1, std::memory_order_relaxed);
  // Where it leads as long as nothing is dialled: for the log of who is held and never served.
  const Endpoint* only = only_target();
  dialling_.target = only != nullptr ? *only : route_->spec.targets.front().endpoint;
  return dial_or_hold();
}

}  // namespace adit::relay
