#include "controller/config/resource_json.hpp"

#include <fmt/format.h>

#include "controller/config/policy_fields.hpp"
#include "controller/config/proxy_fields.hpp"
#include "controller/config/resource_reader.hpp"
#include "controller/config/units.hpp"

namespace adit::config {

namespace {

using nlohmann::json;

std::string_view to_string(control::HealthCheck check) {
  switch (check) {
    case control::HealthCheck::None:
      return "none";
    case control::HealthCheck::Tcp:
      return "tcp";
    case control::HealthCheck::Tls:
      return "tls";
  }
  return "none";
}

json to_json(const std::vector<control::Target>& targets) {
  json out = json::array();
  for (const control::Target& target : targets) {
    json& item = out.emplace_back(json{{"to", target.endpoint.to_string()}});
    if (target.weight != 0) item["weight"] = target.weight;
  }
  return out;
}

std::string_view to_string(Privacy privacy) {
  switch (privacy) {
    case Privacy::Full:
      return "full";
    case Privacy::Hash:
      return "hash";
    case Privacy::None:
      return "none";
  }
  return "full";
}

template <class T>
json texts(const std::vector<T>& values) {
  json out = json::array();
  for (const T& value : values) out.push_back(value.to_string());
  return out;
}

template <class T>
void put(json& out, const char* key, const std::optional<T>& value) {
  if (value) out[key] = value->to_string();
}

/// What `read` makes of `document`, or its problems.
template <class T, class Read>
Checked<T> checked(Reader::Origin origin, const json& document, Read read) {
  Reader reader(origin);
  const Node tree = from_json(document);
  T out;
  read(reader, tree, out);
  if (reader.problems.empty()) return out;
  sort_problems(reader.problems);
  return tl::unexpected(std::move(reader.problems));
}

Checked<Site> site_from(Reader::Origin origin, const std::string& name, const json& document) {
  return checked<Site>(origin, document, [&](Reader& reader, const Node& tree, Site& out) {
    read_site(reader, Value{tree, {}, {}}, name, out);
  });
}

}  // namespace

json to_json(const Site& site) {
  json out{{"owner", site.owner}, {"keepalive", format_duration(site.keepalive)}};
  if (site.public_key) out["public_key"] = site.public_key->base64();
  if (!site.networks.empty()) out["networks"] = texts(site.networks);
  put(out, "address", site.address);
  put(out, "address6", site.address6);
  put(out, "target", site.target);
  put(out, "http_target", site.http_target);
  if (site.proxy_protocol != control::ProxyProtocol::None) {
    out["proxy_protocol"] = to_string(site.proxy_protocol);
  }
  if (site.http_proxy_protocol != control::ProxyProtocol::None) {
    out["http_proxy_protocol"] = to_string(site.http_proxy_protocol);
  }
  return out;
}

json to_json(const Host& host) {
  json out{{"owner", host.owner}, {"site", host.site}, {"drain", format_duration(host.drain)}};
  put(out, "target", host.target);
  put(out, "http_target", host.http_target);
  if (!host.targets.empty()) out["targets"] = to_json(host.targets);
  if (host.check != control::HealthCheck::None) out["check"] = to_string(host.check);
  if (host.port) out["port"] = *host.port;
  if (!host.http) out["http"] = "off";
  if (host.http == control::HttpAction::Forward) out["http"] = "forward";
  if (host.proxy_protocol) out["proxy_protocol"] = to_string(*host.proxy_protocol);
  if (host.http_proxy_protocol) out["http_proxy_protocol"] = to_string(*host.http_proxy_protocol);
  // A list: the order of the protocols counts, and a JSON object has none.
  for (const auto& [protocol, target] : host.alpn) {
    out["alpn"].push_back(json::object({{protocol, target.to_string()}}));
  }
  if (auto access = to_json(host.access); !access.empty()) out["access"] = std::move(access);
  if (auto limits = to_json(host.limits); !limits.empty()) out["limits"] = std::move(limits);
  return out;
}

json to_json(const Relay& relay) {
  json out{{"owner", relay.owner},
           {"https_port", relay.https_port},
           {"http_port", relay.http_port ? json(*relay.http_port) : json("off")},
           {"privacy", to_string(relay.privacy)}};
  if (!relay.addresses.empty()) out["addresses"] = texts(relay.addresses);
  if (!relay.accept_proxy.empty()) out["accept_proxy"] = texts(relay.accept_proxy);
  if (!relay.source_addresses.empty()) out["source_addresses"] = texts(relay.source_addresses);
  out["timeouts"] = {{"hello", format_duration(relay.timeouts.hello)},
                     {"connect", format_duration(relay.timeouts.connect)},
                     {"hold", format_duration(relay.timeouts.hold)},
                     {"idle", format_duration(relay.timeouts.idle)},
                     {"half_closed", format_duration(relay.timeouts.half_closed)}};
  out["limits"] = {{"connections", relay.limits.connections},
                   {"connections_per_client", relay.limits.connections_per_client},
                   {"rate_per_client", fmt::format("{}/s", relay.limits.rate_per_client)}};
  if (auto access = to_json(relay.access); !access.empty()) out["access"] = std::move(access);
  return out;
}

json to_json(const Resources& resources) {
  json out = json::object();
  for (const auto& [name, site] : resources.sites) out["sites"][name] = to_json(site);
  for (const auto& [name, host] : resources.hosts) out["hosts"][name] = to_json(host);
  if (resources.relay) out["relay"] = to_json(*resources.relay);
  return out;
}

Checked<Resources> resources_from_json(const json& document) {
  return checked<Resources>(
      Reader::Origin::Stored, document,
      [](Reader& reader, const Node& tree, Resources& out) { read_document(reader, tree, out); });
}

Checked<Site> site_from_json(const std::string& name, const json& document) {
  return site_from(Reader::Origin::People, name, document);
}

Checked<Site> patched(const std::string& name, const Site& site, const json& patch) {
  json written = patch;
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) written.erase(key);  // taken away: nothing to read
  }
  if (auto read = site_from_json(name, written); !read) return read;
  json document = to_json(site);
  document.merge_patch(patch);
  return site_from(Reader::Origin::Stored, name, document);
}

Checked<Host> host_from_json(const std::string& name, const json& document) {
  return checked<Host>(Reader::Origin::People, document,
                       [&](Reader& reader, const Node& tree, Host& out) {
                         read_host(reader, Value{tree, {}, {}}, name, out);
                       });
}

}  // namespace adit::config
