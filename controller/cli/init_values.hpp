// The small values that `adit init` works out: endpoint, DNS records, tunnel address, the site to
// make. PURE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/own_addresses.hpp"
#include "controller/cli/json_access.hpp"

namespace adit::cli {

/// HOST, HOST:PORT, ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, as `endpoint:` in controller.yaml may
/// be.
bool is_endpoint(std::string_view text);

/// The host or address of such a text, without port and brackets.
std::string endpoint_host(std::string_view endpoint);

struct DnsRecord {
  std::string type;  ///< A, AAAA or CNAME
  std::string value;

  bool operator==(const DnsRecord&) const = default;
};

/// What a public name needs to lead here: the endpoint's address (a name: CNAME) and the public
/// addresses of the machine of the family that the endpoint does not say.
std::vector<DnsRecord> dns_records(std::string_view endpoint,
                                   const std::vector<OwnAddress>& addresses);

/// What a person said about the home, as typed (checked already); empty where nothing was said.
struct SiteWish {
  std::string name = "home";
  std::vector<std::string> networks;
  std::string target;
};

/// The document of a new site, and what was taken for granted in it.
struct NewSite {
  Json document;
  std::string assumption;  ///< one sentence for people; empty: everything was said
};

/// Without a target TLS ends on the home's WireGuard machine itself, at its tunnel address, which
/// is the first that is free of those of this node. A target without a network: the VPS may reach
/// that one address. `status`: /v1/status; `sites`: the items of /v1/sites.
NewSite new_site(const SiteWish& wish, const Json& status, const Json& sites);

/// Why the site that is there is not what was asked for; empty if it is, or if nothing was asked.
std::string difference(const SiteWish& wish, const Json& site);

}  // namespace adit::cli
