// What is answered from the last snapshot: status, hosts, sites, routes, a site's configuration.
#include <fmt/format.h>

#include "controller/api/api.hpp"
#include "controller/api/problem_response.hpp"
#include "controller/api/route_question.hpp"
#include "controller/api/views.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/wireguard/site_config.hpp"

namespace adit::api {

using nlohmann::json;

namespace {

/// A handler that needs nothing but a view of the newest snapshot.
template <class Answer>
Handler on_view(Services& services, Answer answer) {
  return [&services, answer](const Request& request, const Parameters& parameters,
                             const Reply& reply) {
    const auto snapshot = services.snapshot();
    reply(answer(LiveView(*snapshot, services.wall_now()), request, parameters));
  };
}

Response response_of(const LiveView& view, json document) {
  return json_response(document, view.snapshot().state->revision);
}

Response not_found(const char* kind, const std::string& name) {
  return problem_response(
      Errc::NotFound,
      fmt::format("there is no {} {}; `adit get {}s` lists them", kind, name, kind));
}

Response list_of(const LiveView& view, json items) {
  return response_of(view,
                     {{"revision", view.snapshot().state->revision}, {"items", std::move(items)}});
}

Response get_status(const LiveView& view, const Request&, const Parameters&) {
  return response_of(view, status_json(view));
}

Response get_hosts(const LiveView& view, const Request&, const Parameters&) {
  json items = json::array();
  for (const auto& [name, host] : view.resources().hosts) {
    items.push_back(host_item(view, name, host));
  }
  return list_of(view, std::move(items));
}

Response get_host(const LiveView& view, const Request&, const Parameters& parameters) {
  const auto pattern = HostPattern::parse(parameters[0]);
  const auto& hosts = view.resources().hosts;
  const auto found = pattern ? hosts.find(pattern->wire_text()) : hosts.end();
  if (found == hosts.end()) return not_found("host", parameters[0]);
  return response_of(view, host_item(view, found->first, found->second));
}

Response get_sites(const LiveView& view, const Request&, const Parameters&) {
  json items = json::array();
  for (const auto& [name, site] : view.resources().sites) {
    items.push_back(site_item(view, name, site));
  }
  return list_of(view, std::move(items));
}

Response get_site(const LiveView& view, const Request&, const Parameters& parameters) {
  const auto found = view.resources().sites.find(parameters[0]);
  if (found == view.resources().sites.end()) return not_found("site", parameters[0]);
  return response_of(view, site_item(view, found->first, found->second));
}

Response get_routes(const LiveView& view, const Request&, const Parameters&) {
  json items = json::array();
  for (const auto& route : view.snapshot().state->desired.table.routes) {
    items.push_back(route_item(view, route));
  }
  return list_of(view, std::move(items));
}

Response get_route(const LiveView& view, const Request&, const Parameters& parameters) {
  for (const auto& route : view.snapshot().state->desired.table.routes) {
    const bool is_meant = route.name == parameters[0] || route.pattern.wire_text() == parameters[0];
    if (is_meant) return response_of(view, route_item(view, route));
  }
  return not_found("route", parameters[0]);
}

Response test_route(const LiveView& view, const Request& request, const Parameters&) {
  std::optional<std::uint16_t> port;
  if (const std::string text = request.argument("port"); !text.empty()) {
    port = parse_port(text);
    if (!port) return problem_response(Errc::Invalid, "port: must be from 1 to 65535");
  }
  if (const std::string from = request.argument("from"); !from.empty()) {
    if (auto address = IpAddress::parse(from); !address) {
      return problem_response(address.error().within("from"));
    }
  }
  const auto answer = ask_route(view, request.argument("name"), port, request.argument("alpn"));
  const auto& route = answer.route;
  return response_of(view, {{"match", plan::to_string(route.match)},
                            {"route", route.route},
                            {"site", route.site},
                            {"target", route.target ? route.target->to_string() : ""},
                            {"port", answer.port},
                            {"proxy_protocol", config::to_string(route.proxy_protocol)},
                            {"why", route.why},
                            {"site_state", route.site.empty() ? "" : view.site_state(route.site)}});
}

wireguard::SiteConfigInput config_input(const LiveView& view, const std::string& name,
                                        const config::Site& site) {
  const auto& snapshot = view.snapshot();
  const auto& identity = snapshot.node->identity;
  wireguard::SiteConfigInput input;
  input.site = name;
  for (const auto& address : {site.address, site.address6}) {
    if (address) input.addresses.push_back({*address, address->bits()});
  }
  input.node_public_key = identity.public_key;
  input.endpoint = apply::wireguard_endpoint(*snapshot.node, view.listen_port());
  input.allowed_ips = {identity.pool.v4, identity.pool.v6};
  input.persistent_keepalive = site.keepalive;
  input.has_public_key = site.public_key.has_value();
  return input;
}

Response get_site_config(const LiveView& view, const Request& request,
                         const Parameters& parameters) {
  const std::string format = request.argument("format", "wg-quick");
  if (format != "wg-quick") {
    return problem_response(
        Errc::Invalid, fmt::format("format \"{}\" is not in this version; wg-quick is", format));
  }
  const auto found = view.resources().sites.find(parameters[0]);
  if (found == view.resources().sites.end()) return not_found("site", parameters[0]);
  auto input = config_input(view, found->first, found->second);
  json notes = json::array();
  notes.push_back(
      "the private key is made at home and stays there; fill it in where the text says so");
  if (input.endpoint.empty()) {
    input.endpoint =
        "PUBLIC-ADDRESS-OF-THE-VPS:" + std::to_string(view.snapshot().node->identity.listen_port);
    notes.push_back("the address of this machine is not known; set endpoint: in controller.yaml");
  }
  return response_of(view, {{"format", format},
                            {"text", wireguard::render_wg_quick(input)},
                            {"notes", std::move(notes)}});
}

}  // namespace

std::vector<Operation> read_operations(Services& services) {
  return {
      {"GET", "/v1/status", on_view(services, get_status)},
      {"GET", "/v1/hosts", on_view(services, get_hosts)},
      {"GET", "/v1/hosts/{name}", on_view(services, get_host)},
      {"GET", "/v1/sites", on_view(services, get_sites)},
      {"GET", "/v1/sites/{name}", on_view(services, get_site)},
      {"GET", "/v1/sites/{name}/config", on_view(services, get_site_config), {"format"}},
      {"GET", "/v1/routes", on_view(services, get_routes)},
      {"GET", "/v1/routes/test", on_view(services, test_route), {"name", "port", "from", "alpn"}},
      {"GET", "/v1/routes/{name}", on_view(services, get_route)}};
}

}  // namespace adit::api
