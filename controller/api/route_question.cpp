#include "controller/api/route_question.hpp"

#include <charconv>

namespace adit::api {

namespace {

std::uint16_t https_port(const config::Resources& resources) {
  return resources.relay ? resources.relay->https_port : config::Relay{}.https_port;
}

std::uint16_t port_of_name(const LiveView& view, const std::string& name) {
  const auto parsed = HostName::parse(name);
  const auto host = view.resources().hosts.find(parsed ? parsed->wire_text() : name);
  return host == view.resources().hosts.end()
             ? https_port(view.resources())
             : config::public_port_of(view.resources(), host->second);
}

/// The kernel may have chosen the port that clients use: the table knows it as 0.
control::PublicPort configured_port(const LiveView& view, std::uint16_t open) {
  if (view.snapshot().relay) {
    for (const auto& listener : view.snapshot().relay->listeners) {
      if (listener.bound_port == open) return listener.configured.public_port();
    }
  }
  const config::Relay relay = view.resources().relay.value_or(config::Relay{});
  const bool is_http = open == relay.http_port;
  return {open, is_http ? control::Protocol::Http : control::Protocol::Tls};
}

}  // namespace

RouteQuestionAnswer ask_route(const LiveView& view, const std::string& name,
                              std::optional<std::uint16_t> port, const std::string& alpn) {
  const control::PublicPort configured =
      port ? configured_port(view, *port) : control::PublicPort{port_of_name(view, name)};
  RouteQuestionAnswer answer;
  answer.port = port.value_or(view.open_port(configured));
  answer.route = plan::find_route(view.snapshot().state->desired.table, name, configured, alpn);
  return answer;
}

std::optional<std::uint16_t> parse_port(const std::string& text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace adit::api
