#include "controller/config/validate.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/config/spelling.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

/// How many problems get a search for advice: the work stays bounded.
constexpr int kMaxSuggestions = 20;

/// "sites/home/target": a key of SourceMap; as a path for people the slashes are dots.
std::string key_of(std::string_view kind, std::string_view name, std::string_view member) {
  return member.empty() ? fmt::format("{}/{}", kind, name)
                        : fmt::format("{}/{}/{}", kind, name, member);
}

class Validator {
 public:
  Validator(Resources& wanted, const Resources& before, const NodeFacts& facts,
            const SourceMap& positions, const std::set<std::string>& broken)
      : wanted_(wanted), before_(before), facts_(facts), positions_(positions), broken_(broken) {}

  Problems run() {
    complete_addresses();
    check_keys();
    check_networks();
    for (const auto& [name, site] : wanted_.sites) check_site_targets(name, site);
    for (const auto& [name, host] : wanted_.hosts) check_host(name, host);
    check_relay();
    sort_problems(problems_);
    return std::move(problems_);
  }

 private:
  /// A problem of resource `kind`/`name`, at the first of `keys` (SourceMap keys) that was written.
  void problem(std::string_view kind, std::string_view name, std::string_view member,
               std::string what, std::string_view element = {}) {
    if (broken_.contains(key_of(kind, name, {}))) return;
    Problem out;
    out.path = member.empty() ? fmt::format("{}.{}", kind, name)
                              : fmt::format("{}.{}.{}", kind, name, member);
    out.what = std::move(what);
    const std::string of_member = key_of(kind, name, member);
    const Position* position = find(fmt::format("{}/{}", of_member, element));
    if (position == nullptr) position = find(of_member);
    if (position == nullptr) position = find(key_of(kind, name, {}));
    if (position != nullptr) {
      out.file = position->file;
      out.line = position->line;
      out.column = position->column;
    }
    problems_.push_back(std::move(out));
  }

  [[nodiscard]] const Position* find(const std::string& key) const {
    const auto found = positions_.find(key);
    return found == positions_.end() ? nullptr : &found->second;
  }

  /// " (adit.yaml:4:5)" where `key` was written, else "".
  [[nodiscard]] std::string place(const std::string& key) const {
    const Position* position = find(key);
    return position == nullptr || position->line == 0
               ? std::string{}
               : fmt::format(" ({}:{}:{})", position->file, position->line, position->column);
  }

  /// The site as it was, or nullptr.
  [[nodiscard]] const Site* before(const std::string& name) const {
    const auto found = before_.sites.find(name);
    return found == before_.sites.end() ? nullptr : &found->second;
  }

  [[nodiscard]] bool had_network(const std::string& name, const IpPrefix& network) const {
    const Site* earlier = before(name);
    return earlier != nullptr &&
           std::ranges::find(earlier->networks, network) != earlier->networks.end();
  }

  // --- tunnel addresses

  void complete_addresses() {
    std::map<IpAddress, std::string> taken;
    std::vector<std::string> fresh;
    for (auto& [name, site] : wanted_.sites) {
      const Site* earlier = before(name);
      if (!site.address && earlier != nullptr) site.address = earlier->address;
      if (!site.address) continue;
      // Those that stood there already come first: a clash is the newcomer's.
      if (earlier != nullptr && earlier->address == site.address) {
        claim(taken, name, *site.address);
      } else if (check_address(name, *site.address)) {
        fresh.push_back(name);
      }
    }
    for (const std::string& name : fresh) claim(taken, name, *wanted_.sites.at(name).address);
    IpAddress next = facts_.pool.first_site_address();
    for (auto& [name, site] : wanted_.sites) {
      if (!site.address) site.address = allocate(taken, next, name);
      complete_v6(name, site);
    }
  }

  bool check_address(const std::string& name, const IpAddress& address) {
    const std::string clash = clash_of_address(address, facts_);
    if (clash.empty()) return true;
    problem("sites", name, "address", clash + "; use one of them or leave the key out");
    return false;
  }

  void claim(std::map<IpAddress, std::string>& taken, const std::string& name,
             const IpAddress& address) {
    const auto [first, is_new] = taken.try_emplace(address, name);
    if (is_new) return;
    problem(
        "sites", name, "address",
        fmt::format("{} is already the address of site {}{}; use another one or leave the key out",
                    address, first->second, place(key_of("sites", first->second, "address"))));
  }

  std::optional<IpAddress> allocate(std::map<IpAddress, std::string>& taken, IpAddress& next,
                                    const std::string& name) {
    while (facts_.pool.is_site_address(next) && taken.contains(next)) next = next.plus(1);
    if (!facts_.pool.is_site_address(next)) {
      problem("sites", name, "",
              fmt::format("no address from {} to {} is free; remove a site",
                          facts_.pool.first_site_address(), facts_.pool.last_site_address()));
      return std::nullopt;
    }
    taken.emplace(next, name);
    return next;
  }

  /// The IPv6 address that goes with the site's; nullopt if that has had its problem.
  [[nodiscard]] std::optional<IpAddress> right_v6(const Site& site, const Site* earlier) const {
    if (!site.address) return std::nullopt;
    if (facts_.pool.is_site_address(*site.address)) return facts_.pool.v6_for(*site.address);
    const bool was_there = earlier != nullptr && earlier->address == site.address;
    return was_there ? earlier->address6 : std::nullopt;
  }

  void complete_v6(const std::string& name, Site& site) {
    const Site* earlier = before(name);
    const auto right = right_v6(site, earlier);
    if (!right) return;
    // One that stood there follows silently when the ULA is another.
    const bool is_written = find(key_of("sites", name, "address6")) != nullptr ||
                            earlier == nullptr || earlier->address6 != site.address6;
    if (site.address6 && is_written && site.address6 != right) {
      problem("sites", name, "address6",
              fmt::format("the IPv6 address that goes with {} is {}; leave the key out",
                          *site.address, *right));
    }
    site.address6 = right;
  }

  // --- keys

  void check_keys() {
    std::map<wireguard::PublicKey, std::string> owners;
    for (const bool is_old : {true, false}) {
      for (const auto& [name, site] : wanted_.sites) {
        const Site* earlier = before(name);
        const bool was_there = earlier != nullptr && earlier->public_key == site.public_key;
        if (site.public_key && was_there == is_old) check_key(owners, name, *site.public_key);
      }
    }
  }

  void check_key(std::map<wireguard::PublicKey, std::string>& owners, const std::string& name,
                 const wireguard::PublicKey& key) {
    if (key == facts_.node_key) {
      return problem("sites", name, "public_key",
                     "is this VPS's own public key; write the home's (as `wg pubkey` prints it)");
    }
    const auto [first, is_new] = owners.try_emplace(key, name);
    if (is_new) return;
    problem("sites", name, "public_key",
            fmt::format("is the public key of site {} too{}; every home needs a key of its own",
                        first->second, place(key_of("sites", first->second, "public_key"))));
  }

  // --- networks

  struct Claim {
    IpPrefix network;
    const std::string* site;
  };

  void check_networks() {
    std::vector<Claim> claims;
    for (const auto& [name, site] : wanted_.sites) {
      for (const IpPrefix& network : site.networks) {
        if (!clashes_with_node(name, network)) claims.push_back({network, &name});
      }
    }
    // Sorted, a network comes right behind all that contain it: those are the open ones.
    std::ranges::sort(claims, [](const Claim& a, const Claim& b) {
      return std::tie(a.network, *a.site) < std::tie(b.network, *b.site);
    });
    std::vector<Claim> open;
    for (const Claim& claim : claims) {
      while (!open.empty() && !open.back().network.contains(claim.network)) open.pop_back();
      const auto other = std::find_if(open.rbegin(), open.rend(), [&](const Claim& candidate) {
        return *candidate.site != *claim.site;
      });
      if (other != open.rend()) overlapping(claim, *other);
      open.push_back(claim);
    }
  }

  void overlapping(const Claim& claim, const Claim& other) {
    // What stood there before is not to blame for what comes now.
    const bool was_there = had_network(*claim.site, claim.network);
    const Claim& blamed = was_there ? other : claim;
    const Claim& kept = was_there ? claim : other;
    const std::string text = kept.network.to_string();
    problem("sites", *blamed.site, "networks",
            fmt::format("{} overlaps {} of site {}{}; a network may belong to one site only",
                        blamed.network, text, *kept.site,
                        place(key_of("sites", *kept.site, "networks/" + text))),
            blamed.network.to_string());
  }

  bool clashes_with_node(const std::string& name, const IpPrefix& network) {
    const std::string clash = clash_of_network(network, facts_);
    if (clash.empty() || had_network(name, network)) return false;
    problem("sites", name, "networks",
            clash + "; a site's networks are those behind its home gateway", network.to_string());
    return true;
  }

  // --- targets

  void check_site_targets(const std::string& name, const Site& site) {
    if (site.target) check_target("sites", name, "target", *site.target, name);
    if (site.http_target) check_target("sites", name, "http_target", *site.http_target, name);
  }

  void check_host(const std::string& name, const Host& host) {
    if (!is_known_site(wanted_, host.site)) return unknown_site(name, host);
    if (broken_.contains(key_of("sites", host.site, {}))) return;
    if (host.target) check_target("hosts", name, "target", *host.target, host.site);
    if (host.http_target) check_target("hosts", name, "http_target", *host.http_target, host.site);
    for (const auto& [protocol, target] : host.alpn) {
      check_target("hosts", name, "alpn", target, host.site, protocol);
    }
    for (const control::Target& target : host.targets) {
      check_target("hosts", name, "targets", target.endpoint, host.site,
                   target.endpoint.to_string());
    }
    if (!target_of(wanted_, host)) {
      problem("hosts", name, "",
              host.site == kDirectSite
                  ? std::string("has no target; write target: ADDRESS:PORT")
                  : fmt::format("has no target, and site {} has no default one; write target: "
                                "ADDRESS:PORT at either",
                                host.site));
    }
    check_port(name, host);
  }

  void unknown_site(const std::string& name, const Host& host) {
    std::string advice;
    if (suggestions_++ < kMaxSuggestions) {
      std::vector<std::string_view> known{kDirectSite};
      for (const auto& [site_name, site] : wanted_.sites) known.emplace_back(site_name);
      advice = did_you_mean(host.site, known);
    }
    if (advice.empty()) advice = "; write it under sites: or use site: direct";
    problem("hosts", name, "site", fmt::format("no site {}{}", in_quotes(host.site), advice));
  }

  void check_target(std::string_view kind, const std::string& name, std::string_view member,
                    const Endpoint& target, const std::string& site_name,
                    std::string_view element = {}) {
    if (target.address.is_unspecified()) {
      return problem(kind, name, member, fmt::format("{} is no address to connect to", target),
                     element);
    }
    if (site_name == kDirectSite) return;
    const Site& site = wanted_.sites.at(site_name);
    const bool is_inside = target.address == site.address || target.address == site.address6 ||
                           std::ranges::any_of(site.networks, [&](const IpPrefix& network) {
                             return network.contains(target.address);
                           });
    if (!is_inside) outside(kind, name, member, target, site_name, site, element);
  }

  void outside(std::string_view kind, const std::string& name, std::string_view member,
               const Endpoint& target, const std::string& site_name, const Site& site,
               std::string_view element) {
    const IpPrefix around(target.address, target.address.is_v4() ? 24 : 64);
    const std::string tunnel =
        site.address ? fmt::format(" and its tunnel address {}", *site.address) : "";
    const std::string networks = site.networks.empty() ? "networks (it has none)"
                                 : site.networks.size() == 1
                                     ? fmt::format("network {}", site.networks.front())
                                     : fmt::format("networks {}", fmt::join(site.networks, ", "));
    std::string advice = fmt::format("add {} to its networks or use site: direct", around);
    const bool is_advised = suggestions_++ < kMaxSuggestions;
    for (const auto& [other_name, other] : wanted_.sites) {
      if (!is_advised) break;
      const bool is_there = std::ranges::any_of(other.networks, [&](const IpPrefix& network) {
        return network.contains(target.address);
      });
      if (is_there) advice = fmt::format("it is in a network of site {}", other_name);
    }
    problem(kind, name, member,
            fmt::format("{} is outside site {}'s {}{}; {}", target, site_name, networks, tunnel,
                        advice),
            element);
  }

  // --- ports

  [[nodiscard]] const Relay& relay() const {
    static const Relay kDefaults;
    return wanted_.relay ? *wanted_.relay : kDefaults;
  }

  void check_port(const std::string& name, const Host& host) {
    if (!host.port || host.port != relay().http_port) return;
    problem("hosts", name, "port",
            fmt::format("{} is relay.http_port, where plain HTTP is served; use another port or "
                        "write relay: {{http_port: off}}",
                        *host.port));
  }

  void check_relay() {
    if (!wanted_.relay || broken_.contains("relay")) return;
    for (const IpAddress& address : relay().source_addresses) {
      const std::string clash = clash_of_source_address(address, facts_);
      if (clash.empty()) continue;
      relay_problem("source_addresses", clash,
                    {fmt::format("relay/source_addresses/{}", address), "relay"});
    }
    if (relay().http_port != relay().https_port || relay().https_port == 0) return;
    relay_problem("http_port",
                  fmt::format("{} is https_port too; use another port or off", relay().https_port),
                  {"relay/http_port", "relay/https_port", "relay"});
  }

  /// At the first of `keys` (SourceMap keys) that was written.
  void relay_problem(std::string_view member, std::string what,
                     std::initializer_list<std::string> keys) {
    Problem out;
    out.path = fmt::format("relay.{}", member);
    out.what = std::move(what);
    for (const std::string& key : keys) {
      const Position* position = out.line == 0 ? find(key) : nullptr;
      if (position == nullptr) continue;
      out.file = position->file;
      out.line = position->line;
      out.column = position->column;
    }
    problems_.push_back(std::move(out));
  }

  Resources& wanted_;
  const Resources& before_;
  const NodeFacts& facts_;
  const SourceMap& positions_;
  const std::set<std::string>& broken_;
  Problems problems_;
  int suggestions_ = 0;
};

}  // namespace

Checked<Resources> complete_and_validate(Resources wanted, const Resources& before,
                                         const NodeFacts& facts, const SourceMap& positions,
                                         const std::set<std::string>& broken) {
  Problems problems = Validator(wanted, before, facts, positions, broken).run();
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return wanted;
}

}  // namespace adit::config
