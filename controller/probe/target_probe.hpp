// What answers at a target: asked once when a host is added, so that a reverse proxy that speaks
// plain HTTP there is found before the first visitor finds it. First a TLS handshake; where that
// gets no TLS answer, a plain HTTP request on a second connection.
#pragma once

#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "common/net/ip_address.hpp"
#include "common/os/wait.hpp"

namespace adit::probe {

enum class ProbeResult {
  Tls,          ///< a handshake, or at least an alert
  PlainHttp,    ///< HTTP without TLS
  Refused,      ///< nobody listens
  Unreachable,  ///< no way there
  Timeout,      ///< no connection, or no answer on it, in time
  Closed,       ///< takes connections and closes them
  Other,        ///< answers, but neither TLS nor HTTP
  NotProbed,    ///< nobody asked it: too many others were to be asked first
};

/// "tls", "plain_http", …: the words of the API.
std::string_view to_string(ProbeResult result);

struct ProbeReport {
  ProbeResult result = ProbeResult::Other;
  std::string detail;  ///< for people: "TLSv1.3", "HTTP/1.1 400 Bad Request", …
  Milliseconds took{0};
};

/// Asks `target`, with `server_name` as SNI and Host unless empty. Never fails and never goes on
/// after its patience has ended. `proxy_protocol`: what the target wants to hear first.
ProbeReport probe_target(const Endpoint& target, const std::string& server_name,
                         const os::Patience& patience,
                         control::ProxyProtocol proxy_protocol = control::ProxyProtocol::None);

}  // namespace adit::probe
