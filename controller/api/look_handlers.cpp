// What looks at a target through the tunnel: probe and verify, by the probe thread.
#include <fmt/format.h>

#include "controller/api/api.hpp"
#include "controller/api/problem_response.hpp"
#include "controller/api/route_question.hpp"
#include "controller/api/views.hpp"

namespace adit::api {

using nlohmann::json;

namespace {

struct Found {
  std::string name;  ///< the server name to ask for; empty for a pattern
  plan::RouteAnswer route;
};

/// The route that serves `name`, which may be a host as written (with its "*") or a real name.
tl::expected<Found, Response> find(const LiveView& view, const std::string& name) {
  const auto& hosts = view.resources().hosts;
  const auto pattern = HostPattern::parse(name);
  if (pattern && pattern->kind() != HostPattern::Kind::Exact) {
    const auto host = hosts.find(pattern->wire_text());
    if (host != hosts.end()) {
      plan::RouteAnswer route;
      route.route = "host/" + host->first;
      route.site = host->second.site;
      route.target = config::target_of(view.resources(), host->second);
      route.proxy_protocol = config::proxy_protocol_of(view.resources(), host->second);
      return Found{"", std::move(route)};
    }
  }
  auto answer = ask_route(view, name, std::nullopt);
  if (answer.route.match == plan::Match::None || !answer.route.target) {
    return tl::unexpected<Response>(problem_response(
        Errc::NotFound, fmt::format("no host serves {}: {}", name, answer.route.why)));
  }
  const auto host_name = HostName::parse(name);
  return Found{host_name ? host_name->wire_text() : name, std::move(answer.route)};
}

void probe_host(Services& services, const Parameters& parameters, const Reply& reply) {
  const auto snapshot = services.snapshot();
  auto found = find(LiveView(*snapshot, services.wall_now()), parameters[0]);
  if (!found) return reply(std::move(found).error());
  const Endpoint target = *found->route.target;
  services.probe({target, found->name, found->route.proxy_protocol},
                 [reply, target](const probe::ProbeReport& report) {
                   reply(json_response({{"target", target.to_string()},
                                        {"result", probe::to_string(report.result)},
                                        {"detail", report.detail},
                                        {"took_ms", report.took.count()}}));
                 });
}

json certificate_json(const Result<probe::Certificate>& certificate) {
  if (!certificate) return nullptr;
  return {{"fingerprint_sha256", certificate->fingerprint_sha256},
          {"subject", certificate->subject},
          {"issuer", certificate->issuer},
          {"not_after", certificate->not_after},
          {"names", certificate->names}};
}

/// The counters are those of the moment of the answer.
json verify_json(Services& services, const Found& found,
                 const Result<probe::Certificate>& certificate) {
  const auto snapshot = services.snapshot();
  const auto stats = LiveView(*snapshot, services.wall_now()).route_stats(found.route.route);
  const bool has_relay = snapshot->relay != nullptr;
  return {{"host", found.name},
          {"target", found.route.target->to_string()},
          {"site", found.route.site},
          {"certificate", certificate_json(certificate)},
          {"error", certificate ? "" : certificate.error().what},
          {"route",
           {{"name", found.route.route},
            {"active", stats.active},
            {"connections", stats.connections},
            {"bytes_to_target", stats.bytes_to_target},
            {"bytes_to_client", stats.bytes_to_client}}},
          {"relay",
           {{"supervisor_pid", has_relay ? snapshot->relay->supervisor_pid : 0},
            {"data_pid", has_relay ? snapshot->relay->data_pid : 0}}}};
}

void verify_host(Services& services, const Parameters& parameters, const Reply& reply) {
  const auto snapshot = services.snapshot();
  auto found = find(LiveView(*snapshot, services.wall_now()), parameters[0]);
  if (!found) return reply(std::move(found).error());
  if (found->name.empty()) {
    return reply(problem_response(
        Errc::Invalid,
        fmt::format("{} is a pattern; verify a real name that it serves", parameters[0])));
  }
  services.fetch_certificate(
      {*found->route.target, found->name, found->route.proxy_protocol},
      [&services, reply, found = *found](const Result<probe::Certificate>& certificate) {
        reply(json_response(verify_json(services, found, certificate)));
      });
}

}  // namespace

std::vector<Operation> look_operations(Services& services) {
  return {{"POST", "/v1/hosts/{name}/probe",
           [&services](const Request&, const Parameters& parameters, const Reply& reply) {
             probe_host(services, parameters, reply);
           }},
          {"GET", "/v1/hosts/{name}/verify",
           [&services](const Request&, const Parameters& parameters, const Reply& reply) {
             verify_host(services, parameters, reply);
           }}};
}

}  // namespace adit::api
