// Hosts, sites, routes, changes and revisions as JSON.
#include <fmt/format.h>

#include "controller/api/views.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/config/resource_json.hpp"
#include "controller/config/units.hpp"

namespace adit::api {

using nlohmann::json;

namespace {

void add_counters(json& item, const control::RouteStats& stats) {
  item["active"] = stats.active;
  item["connections"] = stats.connections;
  item["bytes_to_target"] = stats.bytes_to_target;
  item["bytes_to_client"] = stats.bytes_to_client;
}

std::string_view to_string(control::TargetState state) {
  switch (state) {
    case control::TargetState::Untested:
      return "untested";
    case control::TargetState::Healthy:
      return "healthy";
    case control::TargetState::Failing:
      return "failing";
    case control::TargetState::Down:
      return "down";
  }
  return "untested";
}

void add_health(json& item, const control::TargetHealth& health) {
  item["state"] = to_string(health.state);
  item["since_ms"] = health.since.count();
  item["failures"] = health.failures;
  item["last_error"] = health.last_error;
  if (health.last_connected) {
    item["last_connected_ms"] = health.last_connected->count();
    item["connect_us"] = health.connect_us;
  }
}

}  // namespace

json host_item(const LiveView& view, const std::string& name, const config::Host& host) {
  json item = config::to_json(host);
  const std::uint16_t port = config::public_port_of(view.resources(), host);
  item["name"] = name;
  if (const auto target = config::target_of(view.resources(), host)) {
    item["target"] = target->to_string();
  }
  item["proxy_protocol"] = config::to_string(config::proxy_protocol_of(view.resources(), host));
  item["http_proxy_protocol"] =
      config::to_string(config::http_proxy_protocol_of(view.resources(), host));
  item["port"] = view.open_port({port});
  item["state"] = view.host_state(host.site, {port});
  add_counters(item, view.route_stats("host/" + name));
  return item;
}

json site_item(const LiveView& view, const std::string& name, const config::Site& site) {
  json item = config::to_json(site);
  const wireguard::Peer* peer = view.peer_of(site);
  const auto age = view.handshake_age(site);
  item["name"] = name;
  item["state"] = view.site_state(name);
  item["handshake_age_s"] = age ? json(*age) : json(nullptr);
  item["endpoint"] = peer != nullptr && peer->endpoint ? peer->endpoint->to_string() : "";
  item["received_bytes"] = peer != nullptr ? peer->received_bytes : 0;
  item["sent_bytes"] = peer != nullptr ? peer->sent_bytes : 0;
  std::size_t hosts = 0;
  for (const auto& [host_name, host] : view.resources().hosts) hosts += host.site == name ? 1 : 0;
  item["hosts"] = hosts;
  return item;
}

json route_item(const LiveView& view, const control::Route& route) {
  json targets = json::array();
  for (const auto& target : route.targets) {
    targets.push_back({{"to", target.endpoint.to_string()}, {"weight", target.weight}});
    const auto* health = view.target_health(route.name, target.endpoint);
    if (health != nullptr) add_health(targets.back(), *health);
  }
  json item = {{"name", route.name},
               {"pattern", route.pattern.wire_text()},
               {"port", view.open_port({route.port})},
               {"site", route.site},
               {"target", route.targets.front().endpoint.to_string()},
               {"targets", std::move(targets)},
               {"drain", config::format_duration(route.drain)},
               {"proxy_protocol", config::to_string(route.proxy_protocol)},
               {"state", view.host_state(route.site, {route.port})}};
  item["http"] = "off";
  if (route.http) {
    item["http"] = route.http->action == control::HttpAction::Forward ? "forward" : "redirect";
    item["http_port"] = view.open_port({route.http->port, control::Protocol::Http});
    item["http_target"] = route.http->target.to_string();
    item["http_proxy_protocol"] = config::to_string(route.http->proxy_protocol);
  }
  for (const auto& [protocol, target] : route.alpn) {
    item["alpn"].push_back(json::object({{protocol, target.to_string()}}));
  }
  add_counters(item, view.route_stats(route.name));
  return item;
}

json to_json(const apply::StepReport& report) {
  return {{"sign", std::string(1, report.sign)},     {"kind", report.kind},   {"what", report.what},
          {"state", apply::to_string(report.state)}, {"error", report.error}, {"fix", report.fix}};
}

json to_json(const apply::ChangeResult& result) {
  json changes = json::array();
  for (const config::Change& change : result.changes) {
    changes.push_back({{"sign", std::string(1, change.sign)},
                       {"kind", change.kind},
                       {"name", change.name},
                       {"what", change.what}});
  }
  json steps = json::array();
  for (const auto& step : result.steps) steps.push_back(to_json(step));
  json document = {{"revision", result.revision},   {"previous_revision", result.previous_revision},
                   {"changes", std::move(changes)}, {"steps", std::move(steps)},
                   {"warnings", result.warnings},   {"undo", result.undo}};
  if (!result.undo_note.empty()) document["undo_note"] = result.undo_note;
  return document;
}

json to_json(const store::RevisionInfo& revision) {
  return {{"revision", revision.number}, {"owner", revision.owner},
          {"uid", revision.uid},         {"time", revision.time},
          {"message", revision.message}, {"summary", revision.summary}};
}

}  // namespace adit::api
