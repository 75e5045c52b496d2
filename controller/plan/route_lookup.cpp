#include "controller/plan/route_lookup.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace adit::plan {

namespace {

using Kind = HostPattern::Kind;

const control::Route* find(const control::Table& table, Kind kind, std::string_view name,
                           control::PublicPort port) {
  for (const control::Route& route : table.routes) {
    if (route.is_on(port) && route.pattern.kind() == kind && route.pattern.name() == name) {
      return &route;
    }
  }
  return nullptr;
}

RouteAnswer answer(Match match, const control::Route& route, control::PublicPort port,
                   std::string why) {
  RouteAnswer out{match,        route.name,     route.site,
                  std::nullopt, std::move(why), route.proxy_protocol};
  if (!route.targets.empty()) out.target = route.targets.front().endpoint;
  if (route.targets.size() > 1) {
    out.why +=
        fmt::format("; it has {} targets, {}", route.targets.size(),
                    route.targets.back().weight == 0 ? "of which the first healthy one is used"
                                                     : "which share the connections by weight");
  }
  if (port.protocol == control::Protocol::Http) {
    out.target = route.http->target;
    out.proxy_protocol = route.http->proxy_protocol;
    out.why += route.http->action == control::HttpAction::Forward
                   ? "; its plain HTTP is forwarded"
                   : "; its plain HTTP is redirected to https, ACME challenges go to the target";
  }
  return out;
}

RouteAnswer none(std::string why) {
  return {Match::None, {}, {}, std::nullopt, std::move(why)};
}

/// "b.example.com" of "a.b.example.com"; empty if there is only one label.
std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
}

/// What nearly matched: the commonest reasons why someone asks.
std::string why_none(const control::Table& table, std::string_view name, control::PublicPort port) {
  for (const control::Route& route : table.routes) {
    const bool is_name = route.pattern.kind() == Kind::Exact && route.pattern.name() == name;
    if (is_name && !route.is_on(port)) {
      return fmt::format("{} is a host on port {}, not on port {}", name, route.port, port.number);
    }
    const bool is_wildcard = route.pattern.kind() == Kind::Wildcard && route.is_on(port);
    if (is_wildcard && name == route.pattern.name()) {
      return fmt::format("{} covers names with one more label, not {} itself",
                         route.pattern.wire_text(), name);
    }
    if (is_wildcard && name.ends_with(fmt::format(".{}", route.pattern.name()))) {
      return fmt::format("{} covers one label only, and {} has more", route.pattern.wire_text(),
                         name);
    }
  }
  return fmt::format("no host on port {} has this name, and there is no catch-all", port.number);
}

RouteAnswer without_name(const control::Table& table, control::PublicPort port) {
  const control::Route* route = find(table, Kind::CatchAll, {}, port);
  if (route == nullptr) {
    return none(fmt::format("a client that sends no name needs a catch-all (\"*\") on port {}",
                            port.number));
  }
  return answer(Match::CatchAll, *route, port, "a client that sends no name is the catch-all's");
}

}  // namespace

std::string_view to_string(Match match) {
  switch (match) {
    case Match::Exact:
      return "exact";
    case Match::Wildcard:
      return "wildcard";
    case Match::CatchAll:
      return "catch-all";
    case Match::None:
      return "none";
  }
  return "none";
}

namespace {

RouteAnswer find_by_name(const control::Table& table, std::string_view name,
                         control::PublicPort port) {
  if (name.empty() || IpAddress::parse(name)) return without_name(table, port);
  const auto host = HostName::parse(name);
  if (!host) {
    return none(fmt::format("{}; the relay refuses it as malformed", host.error().what));
  }
  const std::string& text = host->wire_text();
  if (const auto* route = find(table, Kind::Exact, text, port)) {
    return answer(Match::Exact, *route, port,
                  fmt::format("{} is a host on port {}", text, port.number));
  }
  const std::string_view parent = parent_of(text);
  const auto* wildcard = parent.empty() ? nullptr : find(table, Kind::Wildcard, parent, port);
  if (wildcard != nullptr) {
    return answer(Match::Wildcard, *wildcard, port,
                  fmt::format("no host on port {} has exactly this name, and {} covers it",
                              port.number, wildcard->pattern.wire_text()));
  }
  if (const auto* route = find(table, Kind::CatchAll, {}, port)) {
    return answer(Match::CatchAll, *route, port,
                  fmt::format("no host and no wildcard on port {} has this name, so the catch-all "
                              "takes it",
                              port.number));
  }
  return none(why_none(table, text, port));
}

/// Where a client of `answer` goes that offers `alpn`.
void lead_by_protocol(const control::Table& table, control::PublicPort port, std::string_view alpn,
                      RouteAnswer& answer) {
  if (port.protocol == control::Protocol::Http) {
    answer.why += "; plain HTTP offers no protocol";
    return;
  }
  const auto route = std::ranges::find(table.routes, answer.route, &control::Route::name);
  const auto found = std::ranges::find(route->alpn, alpn, &control::AlpnTarget::protocol);
  if (found == route->alpn.end()) {
    answer.why += fmt::format("; {} has no target of its own", alpn);
    return;
  }
  answer.target = found->target;
  answer.why += fmt::format("; {} has a target of its own", alpn);
}

}  // namespace

RouteAnswer find_route(const control::Table& table, std::string_view name, control::PublicPort port,
                       std::string_view alpn) {
  RouteAnswer answer = find_by_name(table, name, port);
  if (!alpn.empty() && answer.match != Match::None) {
    lead_by_protocol(table, port, alpn, answer);
  }
  return answer;
}

}  // namespace adit::plan
