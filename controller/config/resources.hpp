// What a person writes, as values: sites, hosts and the relay's settings, each with its owner. A
// Resources value is built whole, validated whole (validate.hpp) and then only replaced. PURE.
// Optional members are those whose absence means "take the default of the site or the relay".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "common/host_name.hpp"
#include "common/net/ip_address.hpp"
#include "controller/wireguard/key.hpp"

namespace adit::config {

/// The built-in site whose targets the VPS reaches without a tunnel.
inline constexpr const char* kDirectSite = "direct";
inline constexpr const char* kDefaultOwner = "cli";

struct Site {
  std::string owner = kDefaultOwner;
  std::optional<wireguard::PublicKey> public_key;  ///< without one the site waits as pending-key
  std::vector<IpPrefix> networks;     ///< AllowedIPs besides the tunnel address; sorted
  std::optional<IpAddress> address;   ///< tunnel address; always set in a stored revision
  std::optional<IpAddress> address6;  ///< from the ULA; always set in a stored revision
  Seconds keepalive{25};
  std::optional<Endpoint> target;  ///< default target of the site's hosts
  std::optional<Endpoint> http_target;
  control::ProxyProtocol proxy_protocol = control::ProxyProtocol::None;  ///< default of its hosts
  control::ProxyProtocol http_proxy_protocol = control::ProxyProtocol::None;

  bool operator==(const Site&) const = default;
};

struct Host {
  std::string owner = kDefaultOwner;
  std::string site;
  std::optional<Endpoint> target;  ///< else `targets`, else the site's
  /// Two or more, without `target`; weight 0: none was written.
  std::vector<control::Target> targets = {};
  control::HealthCheck check = control::HealthCheck::None;
  std::optional<Endpoint> http_target = std::nullopt;
  std::optional<std::uint16_t> port;  ///< public port; else the relay's https_port
  Milliseconds drain{5000};
  /// What becomes of plain HTTP on the relay's http_port; nullopt: nothing, its answer is 404.
  std::optional<control::HttpAction> http{control::HttpAction::Redirect};
  std::optional<control::ProxyProtocol> proxy_protocol;  ///< to the TLS targets; else the site's
  std::optional<control::ProxyProtocol> http_proxy_protocol;
  std::vector<control::AlpnTarget> alpn;  ///< in the order in which they are tried
  control::Access access;
  control::RouteLimits limits;

  bool operator==(const Host&) const = default;
};

struct Relay {
  std::string owner = kDefaultOwner;
  std::vector<IpAddress> addresses;             ///< default: "::"
  std::uint16_t https_port = 443;               ///< 0: the kernel chooses
  std::optional<std::uint16_t> http_port = 80;  ///< nullopt: off
  control::Timeouts timeouts;
  control::Limits limits;
  Privacy privacy = Privacy::Full;
  std::vector<IpPrefix> accept_proxy;  ///< load balancers whose PROXY header is believed; sorted
  std::vector<IpAddress> source_addresses = {};  ///< further ones to dial the sites' targets from
  control::Access access;                        ///< for every host: `allow` and `deny`

  bool operator==(const Relay&) const = default;
};

/// Keys: site names; host patterns in their normal text ("app.example.com", "*.lab.example.com",
/// "*").
struct Resources {
  std::map<std::string, Site> sites;
  std::map<std::string, Host> hosts;
  std::optional<Relay> relay;  ///< nullopt: every default

  bool operator==(const Resources&) const = default;
};

/// Where `host` leads, as the relay is told it: its own targets or its site's, none if neither is
/// written. Where one has a weight, those without one weigh 1; where none has, they are in order.
std::vector<control::Target> targets_of(const Resources& resources, const Host& host);
/// The first of them; nullopt if there is none.
std::optional<Endpoint> target_of(const Resources& resources, const Host& host);
/// Where its plain HTTP leads: its own http_target, the site's
/// (unless the host has targets of its own), else the target's address at port 80.
std::optional<Endpoint> http_target_of(const Resources& resources, const Host& host);
/// What the TLS targets of `host` are told of the client: its own proxy_protocol, else the site's.
control::ProxyProtocol proxy_protocol_of(const Resources& resources, const Host& host);
/// Likewise its plain HTTP's target, by http_proxy_protocol.
control::ProxyProtocol http_proxy_protocol_of(const Resources& resources, const Host& host);
/// The public port of `host`: its own, else the relay's https_port.
std::uint16_t public_port_of(const Resources& resources, const Host& host);
/// True for the built-in site or one of `resources.sites`.
bool is_known_site(const Resources& resources, const std::string& name);

/// A name for a site: 1..63 of [a-z0-9-], beginning with a letter or digit.
bool is_valid_site_name(std::string_view name);

}  // namespace adit::config
