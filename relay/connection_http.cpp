// Connection on a port of plain HTTP, up to the choice of a target: redirects and refusals are
// answered here, ACME challenges and forwarded hosts go on as TLS does.
#include "relay/connection.hpp"
#include "relay/http_answer.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

constexpr unsigned kForbidden = 403;
constexpr unsigned kNotFound = 404;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Connection::Next Connection::take_head(HeadStatus status) {
  switch (status) {
    case HeadStatus::NeedMore:
      return Next::Continue;
    case HeadStatus::Complete:
      return choose_http_route(hello_->head_reader.head());
    case HeadStatus::Http2:
      return answer(CloseReason::RefusedHttp2, bytes_of(http2_refusal()));
    case HeadStatus::Malformed:
      return refuse_http(CloseReason::RefusedMalformedHead, hello_->head_reader.status());
    case HeadStatus::TooLarge:
      return refuse_http(CloseReason::RefusedHeadTooLarge, hello_->head_reader.status());
  }
  return finish(CloseReason::InternalError);
}

Connection::Next Connection::choose_http_route(const HttpHead& head) {
  const bool is_acme = is_acme_challenge(head.target);
  host_ = head.host;
  const bool is_outside = is_kept_out();
  if (!is_acme && is_outside) return refuse_kept_out();
  auto route = worker_->find_route(port_, host_ ? &*host_ : nullptr);
  if (!route) {
    return refuse_http(host_ ? CloseReason::RefusedUnknownName : CloseReason::RefusedNoName,
                       kNotFound);
  }
  const bool is_denied = is_outside || !may_use(*route);
  if (!is_acme && is_denied) return refuse_http(CloseReason::RefusedAccessDenied, kForbidden);
  if (is_denied) keep_one_request(head);
  const bool is_forwarded = route->spec.http->action == control::HttpAction::Forward;
  if (is_forwarded || is_acme) return take_route(std::move(route));
  // Without a name there is nothing to redirect to.
  if (!host_) return refuse_http(CloseReason::RefusedNoName, kNotFound);
  return answer(CloseReason::Redirected,
                bytes_of(redirect_to_https(head, worker_->https_port_of(route->spec))));
}

/// Who may only bring a challenge gets no second request through behind it.
void Connection::keep_one_request(const HttpHead& head) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  auto& bytes = hello_->bytes;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto begin = static_cast<std::size_t>(head.method.data() - text.data());
  bytes.resize(text.find(kEnd, begin) + kEnd.size());
  is_one_request_ = true;
}

Connection::Next Connection::refuse_http(CloseReason reason, unsigned code) {
  // Of a head that could not be read the method is not known.
  const bool is_head = hello_ && hello_->head_reader.head().method == "HEAD";
  return answer(reason, bytes_of(http_answer(code, !is_head)));
}

}  // namespace adit::relay
