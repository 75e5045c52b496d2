// Which route a connection would take, and why: `adit route test`. The same order as in the relay:
// exact name, then one-label wildcard, then catch-all, all on the public port. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/control/messages.hpp"

namespace adit::plan {

enum class Match { Exact, Wildcard, CatchAll, None };

/// "exact", "wildcard", "catch-all" or "none".
std::string_view to_string(Match match);

struct RouteAnswer {
  Match match = Match::None;
  std::string route;  ///< "host/app.example.com"; empty for None
  std::string site;
  std::optional<Endpoint> target;
  std::string why;                                                       ///< one sentence
  control::ProxyProtocol proxy_protocol = control::ProxyProtocol::None;  ///< to `target`

  bool operator==(const RouteAnswer&) const = default;
};

/// `name` as a client would send it; an empty one or an IP address is a hello without a name.
/// On a port of plain HTTP `name` is the host of the request. `alpn`: the one protocol that the
/// client offers; empty: it offers none.
RouteAnswer find_route(const control::Table& table, std::string_view name, control::PublicPort port,
                       std::string_view alpn = {});

}  // namespace adit::plan
