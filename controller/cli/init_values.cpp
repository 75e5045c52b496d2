#include "controller/cli/init_values.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/host_name.hpp"

namespace adit::cli {

namespace {

/// A node's part of the tunnel: a /20, sites from its tenth address on (DESIGN.md "Addresses").
constexpr unsigned kNodeLength = 20;
constexpr std::uint32_t kFirstSite = 10;
constexpr std::uint32_t kSites = 0x7ff - kFirstSite;
constexpr const char* kHttpsPort = "443";

std::optional<IpPrefix> node_prefix(const Json& status) {
  const Json& addresses = array_at(member(status, "node"), "addresses");
  for (const Json& text : addresses) {
    if (!text.is_string()) continue;
    const auto address = IpAddress::parse(text.get<std::string>());
    if (address && address->is_v4()) return IpPrefix(*address, kNodeLength);
  }
  return std::nullopt;
}

std::string first_free_address(const IpPrefix& node, const Json& sites) {
  std::vector<std::string> taken;
  for (const Json& site : sites) taken.push_back(text_at(site, "address"));
  for (std::uint32_t offset = kFirstSite; offset < kFirstSite + kSites; ++offset) {
    std::string address = node.address().plus(offset).to_string();
    if (std::find(taken.begin(), taken.end(), address) == taken.end()) return address;
  }
  return {};
}

std::string alone(const IpAddress& address) {
  return IpPrefix(address, address.bits()).to_string();
}

std::vector<std::string> sorted_networks(const std::vector<std::string>& texts) {
  std::vector<std::string> networks;
  for (const std::string& text : texts) {
    const auto prefix = IpPrefix::parse(text);
    networks.push_back(prefix ? prefix->to_string() : text);
  }
  std::sort(networks.begin(), networks.end());
  return networks;
}

}  // namespace

bool is_endpoint(std::string_view text) {
  if (IpAddress::parse(text) || Endpoint::parse(text) || HostName::parse(text)) return true;
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && HostName::parse(text.substr(0, colon)) &&
         Endpoint::parse(fmt::format("0.0.0.0{}", text.substr(colon)));
}

std::string endpoint_host(std::string_view endpoint) {
  if (const auto whole = Endpoint::parse(endpoint)) return whole->address.to_string();
  if (IpAddress::parse(endpoint)) return std::string(endpoint);
  return std::string(endpoint.substr(0, endpoint.find(':')));
}

std::vector<DnsRecord> dns_records(std::string_view endpoint,
                                   const std::vector<OwnAddress>& addresses) {
  const std::string host = endpoint_host(endpoint);
  const auto said = IpAddress::parse(host);
  if (!host.empty() && !said) return {{"CNAME", host + "."}};
  std::optional<IpAddress> v4;
  std::optional<IpAddress> v6;
  for (const OwnAddress& own : addresses) {
    auto& first = own.address.is_v4() ? v4 : v6;
    if (is_public(own.address) && !first) first = own.address;
  }
  if (said) (said->is_v4() ? v4 : v6) = *said;
  std::vector<DnsRecord> records;
  if (v4) records.push_back({"A", v4->to_string()});
  if (v6) records.push_back({"AAAA", v6->to_string()});
  return records;
}

NewSite new_site(const SiteWish& wish, const Json& status, const Json& sites) {
  NewSite made{Json::object(), ""};
  const auto node = node_prefix(status);
  std::string target = wish.target;
  std::vector<std::string> networks = wish.networks;
  const auto endpoint = Endpoint::parse(target);
  if (target.empty() && node) {
    const std::string address = first_free_address(*node, sites);
    target = address + ":" + kHttpsPort;
    made.document["address"] = address;
    made.assumption =
        fmt::format("no --target: TLS ends on the home's WireGuard machine itself, at {}", target);
  } else if (endpoint && node && node->contains(endpoint->address)) {
    made.document["address"] = endpoint->address.to_string();
  } else if (endpoint && networks.empty()) {
    networks.push_back(alone(endpoint->address));
    made.assumption =
        fmt::format("no --network: the VPS may reach {} at home, nothing else", endpoint->address);
  }
  if (!networks.empty()) made.document["networks"] = networks;
  if (!target.empty()) made.document["target"] = target;
  return made;
}

std::string difference(const SiteWish& wish, const Json& site) {
  const std::string name = text_at(site, "name");
  const std::string target = text_at(site, "target");
  const auto wanted = Endpoint::parse(wish.target);
  if (!wish.target.empty() && (!wanted || wanted->to_string() != target)) {
    return fmt::format("site {} is there already, with target {} and not {}", name,
                       target.empty() ? "none" : target, wish.target);
  }
  if (wish.networks.empty()) return {};
  std::vector<std::string> networks;
  for (const Json& network : array_at(site, "networks")) {
    if (network.is_string()) networks.push_back(network.get<std::string>());
  }
  networks = sorted_networks(networks);
  const auto asked = sorted_networks(wish.networks);
  if (networks == asked) return {};
  return fmt::format("site {} is there already, with networks [{}] and not [{}]", name,
                     fmt::join(networks, ", "), fmt::join(asked, ", "));
}

}  // namespace adit::cli
