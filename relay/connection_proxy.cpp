// Connection and the PROXY protocol: the header that a load balancer sends before the hello, and
// the one that a target is sent before the held bytes.
#include <sys/socket.h>

#include "relay/connection.hpp"
#include "relay/proxy_protocol.hpp"
#include "relay/socket_options.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

/// Nothing is answered to a balancer: it is misconfigured, or not what speaks there.
Connection::Next Connection::take_proxy_header() {
  switch (hello_->proxy_reader.feed(hello_->bytes)) {
    case ProxyStatus::NeedMore:
      return Next::Continue;
    case ProxyStatus::Complete:
      return believe_proxy_header();
    case ProxyStatus::Missing:
      return refuse(CloseReason::RefusedNoProxyHeader, std::nullopt);
    case ProxyStatus::Malformed:
      return refuse(CloseReason::RefusedMalformedProxyHeader, std::nullopt);
    case ProxyStatus::TooLong:
      return refuse(CloseReason::RefusedProxyHeaderTooLong, std::nullopt);
  }
  return finish(CloseReason::InternalError);
}

/// From here on the client is who the balancer says: for the log, for the limits by client, and for
/// the target. A connection of the balancer's own stays its own, and counts for no client.
Connection::Next Connection::believe_proxy_header() {
  awaits_proxy_header_ = false;
  const ProxyHeaderReader& reader = hello_->proxy_reader;
  const auto header_end = hello_->bytes.begin() + static_cast<std::ptrdiff_t>(reader.size_bytes());
  hello_->bytes.erase(hello_->bytes.begin(), header_end);
  if (const auto& believed = reader.addresses()) {
    client_address_ = believed->source;
    if (const auto refused = worker_->admit_believed(client_address_.address)) {
      reset_on_close(client_.fd.get());
      return finish(*refused);
    }
    is_unnamed_ = false;
  }
  return hello_->bytes.empty() && !is_raw() ? Next::Continue : parse_hello();
}

/// What the target is told who the client is by.
control::ProxyProtocol Connection::proxy_protocol() const {
  return is_http() ? route_->spec.http->proxy_protocol : route_->spec.proxy_protocol;
}

/// Before the first byte for the target: what tells it who the client is, if it is to know. False
/// if the budget of the process does not allow it.
bool Connection::write_proxy_header() {
  const control::ProxyProtocol version = proxy_protocol();
  if (version == control::ProxyProtocol::None) return true;
  if (!hello_) hello_ = worker_->hello_buffers().lend();
  if (!hello_) return false;
  const auto& believed = hello_->proxy_reader.addresses();
  const ProxyAddresses addresses =
      believed ? *believed
               : ProxyAddresses{client_address_, local_end(client_.fd.get(), client_address_)};
  const std::string unique_id = worker_->unique_id(id_);
  hello_->proxy_header = proxy_header(
      version, addresses,
      {hello_->reader.hello().alpn.wire(), host_ ? host_->wire_text() : "", unique_id});
  return true;
}

}  // namespace adit::relay
