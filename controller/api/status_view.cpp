// GET /v1/status: one document with everything that `adit status` shows.
#include <algorithm>

#include <fmt/format.h>

#include "common/clock.hpp"
#include "common/version.hpp"
#include "controller/api/views.hpp"

namespace adit::api {

using nlohmann::json;

namespace {

/// What is wrong with the tunnel's interface, and what mends it; both empty if nothing is.
struct InterfaceFault {
  std::string what;
  std::string fix;
};

InterfaceFault interface_fault(const LiveView& view) {
  const apply::Snapshot& snapshot = view.snapshot();
  // What cannot be read says itself what mends it.
  if (!snapshot.interface_problem.empty()) return {snapshot.interface_problem, ""};
  const std::string& name = snapshot.node->identity.interface;
  std::string fix = fmt::format(
      "take it away if nothing needs it (ip link del {}), or write another name as interface: into "
      "/etc/adit/controller.yaml and restart adit-controller",
      name);
  if (!snapshot.interface || view.has_own_interface()) return {};
  const wireguard::Device& device = snapshot.interface->device;
  if (!device.public_key && device.peers.empty()) return {};  // just made
  return {fmt::format("interface {} is a WireGuard interface that adit did not make; it is left as "
                      "it is",
                      name),
          std::move(fix)};
}

json node_json(const LiveView& view) {
  const apply::Snapshot& snapshot = view.snapshot();
  const apply::NodeContext& node = *snapshot.node;
  json addresses = json::array(
      {node.identity.pool.node_v4().to_string(), node.identity.pool.node_v6().to_string()});
  InterfaceFault fault = interface_fault(view);
  const bool has_tunnel = view.has_own_interface() && snapshot.implementation;
  return {{"public_key", node.identity.public_key.base64()},
          {"interface", node.identity.interface},
          {"listen_port", view.listen_port()},
          {"implementation", has_tunnel ? wireguard::to_string(*snapshot.implementation) : "none"},
          {"addresses", std::move(addresses)},
          {"endpoint", apply::wireguard_endpoint(node, view.listen_port())},
          {"problem", std::move(fault.what)},
          {"fix", std::move(fault.fix)}};
}

json listeners_json(const control::Stats& stats) {
  json listeners = json::array();
  for (const auto& listener : stats.listeners) {
    listeners.push_back({{"address", listener.configured.address.to_string()},
                         {"port", listener.configured.port},
                         {"protocol", control::to_string(listener.configured.protocol)},
                         {"bound_port", listener.bound_port},
                         {"problem", listener.problem}});
  }
  return listeners;
}

json relay_json(const apply::Snapshot& snapshot) {
  json relay = {{"connected", snapshot.relay != nullptr}, {"problem", snapshot.relay_problem}};
  const control::Stats stats = snapshot.relay ? *snapshot.relay : control::Stats{};
  relay["version"] = stats.software;
  relay["revision"] = stats.revision;
  relay["supervisor_pid"] = stats.supervisor_pid;
  relay["data_pid"] = stats.data_pid;
  relay["workers"] = stats.workers;
  relay["active"] = stats.active;
  relay["accepted"] = stats.accepted;
  relay["bytes_to_target"] = stats.bytes_to_target;
  relay["bytes_to_client"] = stats.bytes_to_client;
  relay["spliced_bytes"] = stats.spliced_bytes;
  relay["limits"] = {{"connections", stats.effective_limits.connections},
                     {"connections_per_client", stats.effective_limits.connections_per_client},
                     {"rate_per_client", stats.effective_limits.rate_per_client}};
  relay["sandbox"] = {{"seccomp", control::to_string(stats.sandbox.seccomp)},
                      {"landlock", control::to_string(stats.sandbox.landlock)}};
  relay["closed"] = stats.closed;
  relay["listeners"] = listeners_json(stats);
  return relay;
}

json sites_json(const LiveView& view) {
  json sites = json::array();
  for (const auto& [name, site] : view.resources().sites) {
    sites.push_back(site_item(view, name, site));
  }
  std::size_t direct = 0;
  for (const auto& [name, host] : view.resources().hosts) {
    direct += host.site == config::kDirectSite ? 1 : 0;
  }
  if (direct != 0) {
    sites.push_back({{"name", config::kDirectSite},
                     {"state", "direct"},
                     {"handshake_age_s", nullptr},
                     {"endpoint", ""},
                     {"address", ""},
                     {"public_key", ""},
                     {"received_bytes", 0},
                     {"sent_bytes", 0},
                     {"hosts", direct}});
  }
  return sites;
}

json problem(const std::string& what, const std::string& fix) {
  return {{"what", what}, {"fix", fix}};
}

void add_site_problems(const LiveView& view, json& problems) {
  for (const auto& [name, site] : view.resources().sites) {
    const std::string_view state = view.site_state(name);
    if (state == "pending-key") {
      problems.push_back(problem(fmt::format("site {} has no public key yet", name),
                                 fmt::format("adit site set-key {} KEY", name)));
    } else if (state == "waiting" && view.snapshot().interface) {
      problems.push_back(
          problem(fmt::format("site {} has never made a handshake", name),
                  fmt::format("put what `adit site config {}` prints on its gateway, and let UDP "
                              "port {} through to this machine",
                              name, view.snapshot().interface->device.listen_port)));
    } else if (state == "down") {
      problems.push_back(problem(
          fmt::format("site {} is down: its latest handshake is {} s old", name,
                      view.handshake_age(site).value_or(0)),
          "look whether its gateway is on, and whether it still has a way to this machine"));
    }
  }
}

/// What was right when it was written: the machine is another since, and changes do not wait for
/// it.
void add_clashes(const LiveView& view, json& problems) {
  const apply::Snapshot& snapshot = view.snapshot();
  const config::NodeFacts facts{snapshot.node->identity.pool, snapshot.own_networks, std::nullopt};
  const auto add = [&](const std::string& site, const std::string& clash, const std::string& fix) {
    if (!clash.empty()) problems.push_back(problem(fmt::format("site {}: {}", site, clash), fix));
  };
  for (const auto& [name, site] : view.resources().sites) {
    if (site.address) {
      add(name, config::clash_of_address(*site.address, facts),
          fmt::format("set tunnel: in controller.yaml back, or write one of them as the site's "
                      "address: and put what `adit site config {}` then prints on its gateway",
                      name));
    }
    for (const IpPrefix& network : site.networks) {
      add(name, config::clash_of_network(network, facts),
          "give one of them another network; an address of both may not be reached at home");
    }
  }
}

void add_node_problems(const LiveView& view, json& problems) {
  const apply::Snapshot& snapshot = view.snapshot();
  const InterfaceFault fault = interface_fault(view);
  const auto& steps = snapshot.open_steps;
  const bool is_told = std::any_of(steps.begin(), steps.end(), [](const apply::StepReport& step) {
    return step.kind == "create_interface";
  });
  if (!fault.what.empty() && !is_told) problems.push_back(problem(fault.what, fault.fix));
  if (!snapshot.store_problem.empty()) {
    problems.push_back(problem(snapshot.store_problem,
                               "make room on that disk, or mount it for writing again; adit sees "
                               "it by itself"));
  }
  if (view.wall_now() < kEarliestNow) {
    problems.push_back(
        problem("the clock of this machine is years behind: homes refuse WireGuard "
                "handshakes from it, and the history gets wrong times",
                "timedatectl set-ntp true"));
  }
}

/// Beside the steps that are not done, which the answer lists by themselves.
json problems_json(const LiveView& view) {
  json problems = json::array();
  const apply::Snapshot& snapshot = view.snapshot();
  if (!snapshot.relay && snapshot.open_steps.empty()) {
    problems.push_back(problem(snapshot.relay_problem, "start adit-relay"));
  }
  if (snapshot.relay) {
    for (const auto& listener : snapshot.relay->listeners) {
      if (listener.problem.empty()) continue;
      problems.push_back(problem(
          fmt::format("the relay cannot listen on {} port {}: {}", listener.configured.address,
                      listener.configured.port, listener.problem),
          "free the port; the relay tries again by itself"));
    }
  }
  add_node_problems(view, problems);
  add_site_problems(view, problems);
  add_clashes(view, problems);
  return problems;
}

}  // namespace

json status_json(const LiveView& view) {
  const apply::Snapshot& snapshot = view.snapshot();
  json hosts = json::array();
  for (const auto& [name, host] : view.resources().hosts) {
    hosts.push_back(host_item(view, name, host));
  }
  json steps = json::array();
  for (const auto& step : snapshot.open_steps) steps.push_back(to_json(step));
  json problems = problems_json(view);
  const bool is_ok = steps.empty() && problems.empty();
  return {{"status", is_ok ? "ok" : "degraded"},
          {"version", kVersion},
          {"revision", snapshot.state->revision},
          {"state_dir", snapshot.node->config.state_dir},
          {"node", node_json(view)},
          {"relay", relay_json(snapshot)},
          {"sites", sites_json(view)},
          {"hosts", std::move(hosts)},
          {"steps", std::move(steps)},
          {"problems", std::move(problems)}};
}

}  // namespace adit::api
