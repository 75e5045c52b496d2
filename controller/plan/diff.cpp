// The diff of desired and observed state, in the order in which steps may be applied: the tunnel
// before the routes that lead into it when adding, the other way round when removing.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "common/control/codec.hpp"
#include "controller/plan/plan.hpp"

namespace adit::plan {

namespace {

using wireguard::PublicKey;
using Prefixes = std::set<IpPrefix>;

template <class T>
std::vector<T> without(const std::vector<T>& from, const std::vector<T>& what) {
  std::vector<T> out;
  std::ranges::set_difference(from, what, std::back_inserter(out));
  return out;
}

Prefixes as_set(const std::vector<IpPrefix>& prefixes) {
  return {prefixes.begin(), prefixes.end()};
}

/// Steps of the tunnel in three parts around the table's: leaving (prefixes that another peer is to
/// have), growing, and, once no route leads there, shrinking.
class TunnelDiff {
 public:
  TunnelDiff(DesiredInterface desired, const ObservedInterface* observed)
      : desired_(std::move(desired)), name_(desired_.name) {
    if (observed != nullptr) {
      link_ = observed->link;
      device_ = observed->device;
    }
    is_new_ = observed == nullptr;
    for (const DesiredPeer& peer : desired_.peers) {
      for (const IpPrefix& prefix : peer.allowed_ips) owner_of_[prefix] = peer.public_key;
    }
  }

  void run() {
    bring_up();
    for (const wireguard::Peer& peer : device_.peers) change_peer(peer);
    add_peers();
    for (const IpPrefix& prefix : without(desired_.kernel_routes, link_.kernel_routes)) {
      add(growing, AddKernelRoute{name_, prefix});
    }
    for (const IpPrefix& prefix : without(link_.kernel_routes, desired_.kernel_routes)) {
      before_peers(RemoveKernelRoute{name_, prefix});
    }
    for (const auto& address : without(link_.addresses, desired_.addresses)) {
      if (desired_.pool.is_source_address(address.address)) continue;
      shrinking.push_back({Group::TunnelRemoval, RemoveAddress{name_, address}});
    }
  }

  std::vector<Step> leaving;
  std::vector<Step> growing;
  std::vector<Step> shrinking;

 private:
  static void add(std::vector<Step>& to, Action action) {
    to.push_back({Group::Tunnel, std::move(action)});
  }

  /// Kernel routes go before the peers that they lead to.
  void before_peers(Action action) {
    shrinking.insert(shrinking.begin() + static_cast<std::ptrdiff_t>(removed_routes_++),
                     {Group::TunnelRemoval, std::move(action)});
  }

  void bring_up() {
    if (is_new_) add(growing, CreateInterface{name_});
    ConfigureInterface configure{name_, device_.public_key != desired_.public_key, std::nullopt};
    const bool is_any_port = desired_.listen_port == 0;  // whatever the kernel chose is right
    if (!is_any_port && device_.listen_port != desired_.listen_port) {
      configure.listen_port = desired_.listen_port;
    }
    if (configure.set_private_key || configure.listen_port) add(growing, configure);
    for (const auto& address : without(desired_.addresses, link_.addresses)) {
      add(growing, AddAddress{name_, address});
    }
    if (!link_.is_up || link_.mtu != desired_.mtu) add(growing, SetUp{name_, desired_.mtu});
  }

  [[nodiscard]] const DesiredPeer* wanted(const PublicKey& key) const {
    const auto found = std::ranges::lower_bound(desired_.peers, key, {}, &DesiredPeer::public_key);
    return found != desired_.peers.end() && found->public_key == key ? &*found : nullptr;
  }

  [[nodiscard]] Action set_allowed_ips(const PublicKey& key, const Prefixes& prefixes,
                                       const std::string& site) const {
    wireguard::PeerChange change;
    change.public_key = key;
    change.allowed_ips.emplace(prefixes.begin(), prefixes.end());
    return ChangePeer{ChangePeer::Kind::Change, name_, std::move(change), site};
  }

  void change_peer(const wireguard::Peer& peer) {
    const DesiredPeer* desired = wanted(peer.public_key);
    const std::string site = desired != nullptr ? desired->site : std::string{};
    const Prefixes target = desired != nullptr ? as_set(desired->allowed_ips) : Prefixes{};
    Prefixes now = as_set(peer.allowed_ips);

    const std::size_t before = now.size();
    std::erase_if(now, [&](const IpPrefix& prefix) {
      const auto owner = owner_of_.find(prefix);
      return owner != owner_of_.end() && owner->second != peer.public_key;
    });
    if (now.size() != before) add(leaving, set_allowed_ips(peer.public_key, now, site));

    Prefixes grown = now;
    grown.insert(target.begin(), target.end());
    grow(peer, desired, grown, now);
    if (desired == nullptr) {
      wireguard::PeerChange change;
      change.public_key = peer.public_key;
      change.remove = true;
      shrinking.push_back({Group::TunnelRemoval,
                           ChangePeer{ChangePeer::Kind::Remove, name_, std::move(change), {}}});
    } else if (grown != target) {
      shrinking.push_back({Group::TunnelRemoval, set_allowed_ips(peer.public_key, target, site)});
    }
  }

  void grow(const wireguard::Peer& peer, const DesiredPeer* desired, const Prefixes& grown,
            const Prefixes& now) {
    if (desired == nullptr) return;
    wireguard::PeerChange change;
    change.public_key = peer.public_key;
    if (grown != now) change.allowed_ips.emplace(grown.begin(), grown.end());
    if (peer.persistent_keepalive != desired->persistent_keepalive) {
      change.persistent_keepalive = desired->persistent_keepalive;
    }
    if (!change.allowed_ips && !change.persistent_keepalive) return;
    add(growing, ChangePeer{ChangePeer::Kind::Change, name_, std::move(change), desired->site});
  }

  void add_peers() {
    std::set<PublicKey> present;
    for (const wireguard::Peer& peer : device_.peers) present.insert(peer.public_key);
    for (const DesiredPeer& peer : desired_.peers) {
      if (present.contains(peer.public_key)) continue;
      wireguard::PeerChange change;
      change.public_key = peer.public_key;
      change.allowed_ips = peer.allowed_ips;
      change.persistent_keepalive = peer.persistent_keepalive;
      add(growing, ChangePeer{ChangePeer::Kind::Add, name_, std::move(change), peer.site});
    }
  }

  DesiredInterface desired_;
  const std::string& name_;
  wireguard::Link link_;
  wireguard::Device device_;
  bool is_new_ = false;
  std::size_t removed_routes_ = 0;
  std::map<IpPrefix, PublicKey> owner_of_;
};

void append(std::vector<Step>& to, std::vector<Step>&& steps) {
  std::ranges::move(steps, std::back_inserter(to));
}

/// Taking over or deleting what is not ours would be worse than leaving something undone.
bool is_ours(const ObservedInterface& interface, const PublicKey& node_key) {
  return interface.device.public_key == node_key;
}

/// Made a moment ago, by us or by the unit that runs wireguard-go: nothing in it can be lost.
bool is_blank(const ObservedInterface& interface) {
  return !interface.device.public_key && interface.device.peers.empty();
}

DesiredInterface without_ipv6(DesiredInterface desired) {
  std::erase_if(desired.addresses, [](const auto& entry) { return !entry.address.is_v4(); });
  std::erase_if(desired.kernel_routes,
                [](const IpPrefix& prefix) { return !prefix.address().is_v4(); });
  return desired;
}

/// A relay that has no table says so with revision and digest 0: before the first change of all
/// that is what is wanted.
bool is_live(const control::Table& table, const Observed& observed) {
  if (!observed.relay) return false;
  const bool is_fresh = table.revision == 0 && table.routes.empty();
  return (is_fresh && observed.relay->revision == 0) ||
         observed.relay->table_digest == control::digest(table);
}

}  // namespace

Plan diff(const Desired& desired, const Observed& observed) {
  Plan plan;
  std::vector<Step> later;
  const ObservedInterface* interface = observed.interface ? &*observed.interface : nullptr;
  if (desired.interface) {
    const bool is_usable =
        interface != nullptr && (is_ours(*interface, desired.node_key) || is_blank(*interface));
    TunnelDiff tunnel(observed.has_ipv6 ? *desired.interface : without_ipv6(*desired.interface),
                      is_usable ? interface : nullptr);
    tunnel.run();
    append(plan.steps, std::move(tunnel.leaving));
    append(plan.steps, std::move(tunnel.growing));
    later = std::move(tunnel.shrinking);
  } else if (interface != nullptr && is_ours(*interface, desired.node_key)) {
    later.push_back({Group::TunnelRemoval, DeleteInterface{interface->link.name}});
  }
  if (!is_live(desired.table, observed))
    plan.steps.push_back({Group::RouteTable, SetRouteTable{desired.table.revision}});
  append(plan.steps, std::move(later));
  return plan;
}

}  // namespace adit::plan
