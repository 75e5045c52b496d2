// For random resources: JSON and YAML lead back to the same value, and validation agrees with a
// naive check of every pair.
#include <set>
#include <vector>

#include "controller/config/ownership.hpp"
#include "controller/config/resource_json.hpp"
#include "tests/property/plan_generator.hpp"
#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::config;
using nlohmann::json;
using plan::test::Generator;

namespace {

// --- round trips

control::ProxyProtocol any_version(Generator& random) {
  return static_cast<control::ProxyProtocol>(random.below(3));
}

Site any_site(Generator& random) {
  Site out;
  if (!random.once_in(3)) out.owner = "git";
  out.public_key = random.maybe(random.key(250));
  for (std::uint32_t n = random.below(4); n > 0; --n) {
    const IpAddress address = random.any_address();
    const IpPrefix network(address, address.is_v4() ? 8 + random.below(25) : 32 + random.below(97));
    if (std::ranges::find(out.networks, network) == out.networks.end())
      out.networks.push_back(network);
  }
  std::ranges::sort(out.networks);
  out.address = random.maybe(random.v4(10, 98, random.below(8), random.below(256)));
  out.keepalive = Seconds(random.below(65536));
  out.target = random.maybe(random.any_endpoint());
  out.http_target = random.maybe(random.any_endpoint());
  out.proxy_protocol = any_version(random);
  out.http_proxy_protocol = any_version(random);
  return out;
}

/// Two or more, some with a weight; the ports tell them apart.
std::vector<control::Target> any_targets(Generator& random) {
  std::vector<control::Target> out(2 + random.below(4));
  std::uint16_t port = 443;
  for (control::Target& target : out) {
    target.endpoint = {random.any_address(), port++};
    target.weight = static_cast<std::uint16_t>(random.once_in(2) ? 0 : 1 + random.below(65535));
  }
  return out;
}

std::vector<IpPrefix> any_prefixes(Generator& random, unsigned length) {
  std::set<IpPrefix> out;
  for (std::uint32_t n = random.below(4); n > 0; --n) out.emplace(random.any_address(), length);
  return {out.begin(), out.end()};
}

Host any_host(Generator& random) {
  Host out;
  if (!random.once_in(3)) out.owner = "git";
  out.site = "s" + std::to_string(random.below(9));
  out.target = random.maybe(random.any_endpoint());
  if (!out.target && random.once_in(2)) out.targets = any_targets(random);
  out.check = static_cast<control::HealthCheck>(random.below(3));
  out.http_target = random.maybe(random.any_endpoint());
  out.port = random.maybe(static_cast<std::uint16_t>(1 + random.below(65535)));
  out.drain = Milliseconds(random.below(86'400'001));
  out.proxy_protocol = random.maybe(any_version(random));
  out.http_proxy_protocol = random.maybe(any_version(random));
  for (const char* protocol : {"h2", "acme-tls/1", "http/1.1"}) {
    if (random.once_in(4)) out.alpn.push_back({protocol, random.any_endpoint()});
  }
  // Of other lengths, so that none is in both.
  if (random.once_in(3)) out.access.allow = any_prefixes(random, 24);
  if (random.once_in(3)) out.access.deny = any_prefixes(random, 25);
  if (random.once_in(3)) out.limits = {random.below(1000), 0, random.below(9), 0, 8'000};
  if (random.once_in(3)) out.limits.bandwidth = 8'000 + random.below(1'000'000'000);
  return out;
}

Relay any_relay(Generator& random) {
  Relay out;
  if (!random.once_in(3)) out.owner = "git";
  for (std::uint32_t n = random.below(4); n > 0; --n) out.addresses.push_back(random.any_address());
  out.https_port = static_cast<std::uint16_t>(random.below(65536));
  out.http_port = random.maybe(static_cast<std::uint16_t>(random.below(65536)));
  out.timeouts.hello = Milliseconds(1 + random.below(100'000));
  out.timeouts.idle = Milliseconds(1 + random.below(1'000'000'000));
  out.timeouts.half_closed = Seconds(1 + random.below(3600));
  out.limits = {1 + random.below(100'000'000), 1 + random.below(1000), 1 + random.below(100'000)};
  out.privacy = random.once_in(2)   ? Privacy::Full
                : random.once_in(2) ? Privacy::Hash
                                    : Privacy::None;
  for (const char* network : {"192.0.2.0/24", "2001:db8::/32"}) {
    if (random.once_in(3)) out.accept_proxy.push_back(IpPrefix::parse(network).value());
  }
  for (std::uint32_t n = random.below(3); n > 0; --n) {
    out.source_addresses.push_back(random.v4(198, 51, 100, n));
  }
  return out;
}

Resources any_resources(Generator& random) {
  Resources out;
  for (std::uint32_t n = random.below(5); n > 0; --n) {
    out.sites["s" + std::to_string(random.below(9))] = any_site(random);
  }
  for (std::uint32_t n = random.below(8); n > 0; --n)
    out.hosts[random.host_name()] = any_host(random);
  if (random.once_in(2)) out.relay = any_relay(random);
  return out;
}

/// JSON as YAML in block style, with what people leave unquoted unquoted.
void write_block(std::string& out, const json& value, const std::string& indent) {
  for (const auto& [key, member] : value.items()) {
    const bool is_plain_key = key.front() != '*';
    out += indent + (is_plain_key ? key : json(key).dump()) + ":";
    if (member.is_object()) {
      out += "\n";
      write_block(out, member, indent + "  ");
    } else if (member.is_array()) {
      out += "   # a list\n";
      for (const json& item : member) out += indent + "- " + item.dump() + "\n";
    } else {
      const bool is_plain = member.is_string() &&
                            member.get<std::string>().find_first_of(":[]=/") == std::string::npos;
      out += " " + (is_plain ? member.get<std::string>() : member.dump()) + "\n";
    }
  }
}

/// Without owners, and without what the YAML of this version may not say.
Resources as_people_write(Resources resources) {
  const auto clear = [](auto& resource) {
    resource.owner = kDefaultOwner;
    resource.http_target.reset();
  };
  for (auto& entry : resources.sites) clear(entry.second);
  for (auto& entry : resources.hosts) clear(entry.second);
  if (!resources.relay) return resources;
  resources.relay->owner = kDefaultOwner;
  if (resources.relay->http_port) resources.relay->http_port = 80;
  return resources;
}

void drop_owners(json& document) {
  for (auto& [kind, members] : document.items()) {
    members.erase("owner");
    if (kind == "relay") continue;
    for (auto& [name, member] : members.items()) member.erase("owner");
  }
}

// --- validation, naively

bool is_naively_valid(const Resources& all, const NodeFacts& facts) {
  const IpPrefix pool4 = *IpPrefix::parse("10.98.0.0/16");
  for (const auto& [name, site] : all.sites) {
    if (site.address && !facts.pool.is_site_address(*site.address)) return false;
    if (site.public_key == facts.node_key) return false;
    for (const IpPrefix& network : site.networks) {
      if (network.overlaps(pool4) || network.overlaps(facts.own_networks.front())) return false;
    }
    for (const auto& [other_name, other] : all.sites) {
      if (name == other_name) continue;
      if (site.address && site.address == other.address) return false;
      if (site.public_key && site.public_key == other.public_key) return false;
      for (const IpPrefix& mine : site.networks) {
        for (const IpPrefix& theirs : other.networks) {
          if (mine.overlaps(theirs)) return false;
        }
      }
    }
  }
  const auto is_reachable = [&](const std::string& site_name, const Endpoint& target) {
    if (site_name == kDirectSite) return !target.address.is_unspecified();
    const Site& site = all.sites.at(site_name);
    if (target.address == site.address) return true;
    for (const IpPrefix& network : site.networks) {
      if (network.contains(target.address)) return true;
    }
    return false;
  };
  for (const auto& [name, site] : all.sites) {
    if (site.target && !is_reachable(name, *site.target)) return false;
  }
  for (const auto& [name, host] : all.hosts) {
    if (host.site != kDirectSite && !all.sites.contains(host.site)) return false;
    if (host.port == std::uint16_t{80}) return false;
    const auto target = target_of(all, host);
    if (!target || !is_reachable(host.site, *target)) return false;
  }
  return true;
}

/// Few values, so that clashes are as common as their absence.
Resources clashing_resources(Generator& random) {
  Resources out;
  for (std::uint32_t n = random.below(4); n > 0; --n) {
    Site& site = out.sites["s" + std::to_string(random.below(5))];
    if (random.once_in(2)) site.public_key = random.key(20);
    if (random.once_in(40)) site.public_key = plan::test::facts().node_key;
    for (std::uint32_t i = random.below(3); i > 0; --i) {
      const unsigned length = random.once_in(5) ? 14 + random.below(3) : 24;
      const std::uint32_t second = random.once_in(60) ? 98 : random.below(30);
      const IpPrefix network(random.v4(10, second, random.below(4), 0), length);
      if (std::ranges::find(site.networks, network) == site.networks.end()) {
        site.networks.push_back(network);
      }
    }
    std::ranges::sort(site.networks);
    site.address = random.v4(10, 98, random.below(2), 9 + random.below(30));
    if (random.once_in(3) && !site.networks.empty()) {
      site.target = Endpoint{site.networks.front().address().plus(random.below(300)), 443};
    }
  }
  for (std::uint32_t n = random.below(3); n > 0; --n) {
    Host& host = out.hosts[random.host_name()];
    host.site = random.once_in(3) || out.sites.empty() ? std::string(kDirectSite)
                : random.once_in(8)                    ? std::string("nowhere")
                                                       : out.sites.begin()->first;
    if (random.once_in(20)) host.port = 80;
    const auto site = out.sites.find(host.site);
    if (site != out.sites.end() && !site->second.networks.empty() && random.once_in(2)) {
      host.target = Endpoint{site->second.networks.back().address().plus(random.below(300)), 443};
    } else if (site != out.sites.end() && random.once_in(3)) {
      host.target = Endpoint{*site->second.address, 443};
    } else if (host.site == kDirectSite && !random.once_in(8)) {
      host.target = Endpoint{random.once_in(8) ? IpAddress() : random.any_address(), 443};
    }
  }
  return out;
}

}  // namespace

TEST_CASE("resources: JSON and back is the same value", "[property]") {
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const Resources resources = any_resources(random);
    const json document = to_json(resources);
    const auto again = resources_from_json(json::parse(document.dump()));
    CAPTURE(document.dump());
    REQUIRE(again);
    REQUIRE(*again == resources);
  }
}

TEST_CASE("resources: YAML in flow and in block style is the same value", "[property]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const Resources resources = as_people_write(any_resources(random));
    json document = to_json(resources);
    drop_owners(document);
    std::string block;
    write_block(block, document, "");
    for (const std::string& text : {document.dump(), document.dump(1, '\t'), block}) {
      CAPTURE(text);
      const auto read = read_yaml({{"a.yaml", text}});
      const std::string problem = read ? "" : to_string(read.error().front());
      REQUIRE(problem.empty());
      REQUIRE(read->resources == resources);
    }
  }
}

TEST_CASE("resources: validation agrees with a check of every pair", "[property]") {
  int valid = 0;
  int invalid = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const Resources wanted = clashing_resources(random);
    const NodeFacts facts = plan::test::facts();
    const bool is_valid = is_naively_valid(wanted, facts);
    CAPTURE(to_json(wanted).dump());
    REQUIRE(complete_and_validate(wanted, {}, facts, {}).has_value() == is_valid);
    ++(is_valid ? valid : invalid);
  }
  CHECK(valid > 300);
  CHECK(invalid > 300);
}

TEST_CASE("resources: completing twice changes nothing, and applying is idempotent", "[property]") {
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const auto first =
        complete_and_validate(clashing_resources(random), {}, plan::test::facts(), {});
    if (!first) continue;
    const auto second = complete_and_validate(*first, *first, plan::test::facts(), {});
    REQUIRE(second);
    REQUIRE(*second == *first);
    REQUIRE(changes(*first, *second).empty());
  }
}
