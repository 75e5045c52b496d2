#include "controller/config/resources.hpp"

#include <algorithm>

namespace adit::config {

namespace {

constexpr std::uint16_t kPlainHttpPort = 80;

const Site* find_site(const Resources& resources, const std::string& name) {
  const auto found = resources.sites.find(name);
  return found == resources.sites.end() ? nullptr : &found->second;
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::vector<control::Target> targets_of(const Resources& resources, const Host& host) {
  const auto has_weight = [](const control::Target& target) { return target.weight != 0; };
  if (!host.target && !host.targets.empty()) {
    std::vector<control::Target> out = host.targets;
    if (std::ranges::none_of(out, has_weight)) return out;
    for (control::Target& target : out) {
      target.weight = std::max(target.weight, std::uint16_t{1});
    }
    return out;
  }
  const auto target = target_of(resources, host);
  if (!target) return {};
  return {{*target, 1}};
}

std::optional<Endpoint> target_of(const Resources& resources, const Host& host) {
  if (host.target) return host.target;
  if (!host.targets.empty()) return host.targets.front().endpoint;
  const Site* site = find_site(resources, host.site);
  return site != nullptr ? site->target : std::nullopt;
}

std::optional<Endpoint> http_target_of(const Resources& resources, const Host& host) {
  if (host.http_target) return host.http_target;
  const Site* site = find_site(resources, host.site);
  const bool has_own = host.target || !host.targets.empty();
  if (!has_own && site != nullptr && site->http_target) return site->http_target;
  const auto target = target_of(resources, host);
  return target ? std::optional(Endpoint{target->address, kPlainHttpPort}) : std::nullopt;
}

control::ProxyProtocol proxy_protocol_of(const Resources& resources, const Host& host) {
  const Site* site = find_site(resources, host.site);
  return host.proxy_protocol.value_or((site != nullptr ? *site : Site{}).proxy_protocol);
}

control::ProxyProtocol http_proxy_protocol_of(const Resources& resources, const Host& host) {
  const Site* site = find_site(resources, host.site);
  return host.http_proxy_protocol.value_or((site != nullptr ? *site : Site{}).http_proxy_protocol);
}

std::uint16_t public_port_of(const Resources& resources, const Host& host) {
  return host.port.value_or(resources.relay ? resources.relay->https_port : Relay{}.https_port);
}

bool is_known_site(const Resources& resources, const std::string& name) {
  return name == kDirectSite || resources.sites.contains(name);
}

bool is_valid_site_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && is_lower_or_digit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

}  // namespace adit::config
