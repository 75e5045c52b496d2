// Which route a server name takes, asked of a snapshot: what `route test` and `verify` share. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/api/live_view.hpp"
#include "controller/plan/route_lookup.hpp"

namespace adit::api {

struct RouteQuestionAnswer {
  std::uint16_t port = 0;  ///< the public port that clients use
  plan::RouteAnswer route;
};

/// `port`: what a client would connect to; nothing: the port of the host of this name, else the
/// relay's https_port. `alpn`: the protocol that the client offers; empty: none.
RouteQuestionAnswer ask_route(const LiveView& view, const std::string& name,
                              std::optional<std::uint16_t> port, const std::string& alpn = {});

/// "443" -> 443; nothing for what is not a port.
std::optional<std::uint16_t> parse_port(const std::string& text);

}  // namespace adit::api
