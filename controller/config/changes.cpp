// changes(): what differs between two states, one line for each resource.
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/config/ownership.hpp"
#include "controller/config/policy_fields.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/config/resource_json.hpp"

namespace adit::config {

namespace {

using nlohmann::json;

/// A value as a person would write it: texts bare, lists and maps in flow form.
std::string shown(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const json& item : value) items.push_back(shown(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  if (value.is_object()) {
    std::vector<std::string> members;
    for (const auto& [key, member] : value.items()) {
      members.push_back(fmt::format("{}: {}", key, shown(member)));
    }
    return fmt::format("{{{}}}", fmt::join(members, ", "));
  }
  return value.dump();
}

/// The members of `document`, those of inner maps with their path ("timeouts.idle").
json flattened(const json& document) {
  json out = json::object();
  for (const auto& [key, value] : document.items()) {
    if (!value.is_object()) {
      out[key] = value;
      continue;
    }
    for (const auto& [inner, member] : value.items()) out[key + "." + inner] = member;
  }
  return out;
}

/// "drain 5s -> 30s; target added: 10.30.0.200:443"
std::string difference(const json& before, const json& after) {
  const json old_members = flattened(before);
  const json new_members = flattened(after);
  std::set<std::string> keys;
  for (const auto& item : old_members.items()) keys.insert(item.key());
  for (const auto& item : new_members.items()) keys.insert(item.key());
  std::vector<std::string> parts;
  for (const std::string& key : keys) {
    const auto was = old_members.find(key);
    const auto is = new_members.find(key);
    if (was == old_members.end()) {
      parts.push_back(fmt::format("{} added: {}", key, shown(*is)));
    } else if (is == new_members.end()) {
      parts.push_back(fmt::format("{} removed: {}", key, shown(*was)));
    } else if (*was != *is) {
      parts.push_back(fmt::format("{} {} -> {}", key, shown(*was), shown(*is)));
    }
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string summary(const Resources& /*all*/, const Site& site) {
  std::vector<std::string> parts;
  parts.push_back(site.public_key ? "public key " + site.public_key->brief()
                                  : std::string("pending-key"));
  if (site.address) parts.push_back(fmt::format("address {}", *site.address));
  if (!site.networks.empty()) {
    parts.push_back(fmt::format("networks {}", fmt::join(site.networks, ", ")));
  }
  if (site.target) parts.push_back(fmt::format("target {}", *site.target));
  return fmt::format("{}", fmt::join(parts, "; "));
}

/// What is out of the ordinary on the way to the targets.
std::string to_targets(const Resources& all, const Host& host) {
  std::string out;
  const auto add_proxy = [&out](const char* key, control::ProxyProtocol version) {
    if (version == control::ProxyProtocol::None) return;
    out += fmt::format("; {} {}", key, to_string(version));
  };
  add_proxy("proxy_protocol", proxy_protocol_of(all, host));
  add_proxy("http_proxy_protocol", http_proxy_protocol_of(all, host));
  for (const auto& [protocol, target] : host.alpn) {
    out += fmt::format("; alpn {} -> {}", protocol, target);
  }
  return out;
}

/// "10.30.0.200:443, else 10.30.0.202:443" or "10.30.0.200:443 (10), 10.30.0.202:443 (1)"
std::string shown_targets(const std::vector<control::Target>& targets) {
  if (targets.empty()) return "none";
  std::vector<std::string> parts;
  for (const control::Target& target : targets) {
    parts.push_back(targets.size() == 1 || target.weight == 0
                        ? target.endpoint.to_string()
                        : fmt::format("{} ({})", target.endpoint, target.weight));
  }
  return fmt::format("{}", fmt::join(parts, targets.back().weight == 0 ? ", else " : ", "));
}

std::string summary(const Resources& all, const Host& host) {
  const std::string target = shown_targets(targets_of(all, host));
  const std::string port = host.port ? fmt::format("; port {}", *host.port) : "";
  return fmt::format("site {}; target {}{}{}{}", host.site, target, port, to_targets(all, host),
                     policy_summary(host.access, host.limits));
}

template <class T>
void compare(std::vector<Change>& out, const char* kind, const Resources& before,
             const Resources& after, const std::map<std::string, T>& old_ones,
             const std::map<std::string, T>& new_ones) {
  std::set<std::string> names;
  for (const auto& entry : old_ones) names.insert(entry.first);
  for (const auto& entry : new_ones) names.insert(entry.first);
  for (const std::string& name : names) {
    const auto was = old_ones.find(name);
    const auto is = new_ones.find(name);
    if (was == old_ones.end()) {
      out.push_back({'+', kind, name, summary(after, is->second)});
    } else if (is == new_ones.end()) {
      out.push_back({'-', kind, name, summary(before, was->second)});
    } else if (!(was->second == is->second)) {
      out.push_back({'~', kind, name, difference(to_json(was->second), to_json(is->second))});
    }
  }
}

void compare_relay(std::vector<Change>& out, const Resources& before, const Resources& after) {
  if (before.relay == after.relay) return;
  const char sign = !before.relay ? '+' : !after.relay ? '-' : '~';
  const Relay old_one = before.relay.value_or(Relay{});
  const Relay new_one = after.relay.value_or(Relay{});
  const std::string what = difference(to_json(old_one), to_json(new_one));
  out.push_back({sign, "relay", "", what.empty() ? "every default" : what});
}

}  // namespace

std::vector<Change> changes(const Resources& before, const Resources& after) {
  std::vector<Change> out;
  compare(out, "site", before, after, before.sites, after.sites);
  compare(out, "host", before, after, before.hosts, after.hosts);
  compare_relay(out, before, after);
  return out;
}

}  // namespace adit::config
