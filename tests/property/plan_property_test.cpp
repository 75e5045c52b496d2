// For random states a and b: applying diff(b, a) to a gives b, a second diff is empty, and no step
// on the way leaves a route of the live table without its tunnel.
#include "common/control/codec.hpp"
#include "controller/plan/plan.hpp"
#include "tests/property/plan_generator.hpp"
#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::plan;
using test::Generator;

namespace {

/// A valid state: networks from a small set, each with one site; some sites without key.
config::Resources random_resources(Generator& random, const config::Resources& before) {
  config::Resources out;
  std::vector<std::uint8_t> keys{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<std::uint32_t> free_networks{0, 1, 2, 3, 4, 5, 6, 7};
  for (std::uint32_t i = 0; i < random.below(5); ++i) {
    config::Site& site = out.sites["s" + std::to_string(random.below(6))];
    if (!site.networks.empty() || site.public_key) continue;
    if (!random.once_in(4)) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(keys.size()));
      wireguard::PublicKey key;
      key.bytes.fill(keys[at]);
      keys.erase(keys.begin() + static_cast<std::ptrdiff_t>(at));
      site.public_key = key;
    }
    site.keepalive = Seconds(random.below(3) * 10);
    for (std::uint32_t n = random.below(3); n > 0 && !free_networks.empty(); --n) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(free_networks.size()));
      site.networks.emplace_back(random.v4(10, 30, free_networks[at], 0), 24);
      free_networks.erase(free_networks.begin() + static_cast<std::ptrdiff_t>(at));
    }
    std::ranges::sort(site.networks);
  }
  for (std::uint32_t i = 0; i < random.below(6); ++i) {
    config::Host host;
    host.site = config::kDirectSite;
    host.target = random.any_endpoint();
    for (const auto& [name, site] : out.sites) {
      if (site.networks.empty() || random.once_in(2)) continue;
      host.site = name;
      host.target =
          Endpoint{site.networks[random.below(static_cast<std::uint32_t>(site.networks.size()))]
                       .address()
                       .plus(9),
                   443};
    }
    out.hosts[random.host_name()] = host;
  }
  if (random.once_in(3)) out.relay.emplace().limits.connections = 1 + random.below(3);
  return config::complete_and_validate(out, before, test::facts(), {}).value();
}

NodeIdentity node() {
  return {"adit0", 51820, *test::facts().node_key, test::facts().pool};
}

/// What would be observed if `state` had been made by hand, without any plan.
Observed made_by_hand(const Desired& state) {
  Observed out;
  out.relay = ObservedRelay{state.table.revision, control::digest(state.table)};
  if (!state.interface) return out;
  out.interface.emplace();
  out.interface->link = {state.interface->name,         0,           true,
                         state.interface->mtu,          "wireguard", state.interface->addresses,
                         state.interface->kernel_routes};
  out.interface->device = {state.interface->name, state.interface->listen_port, state.node_key, {}};
  for (const DesiredPeer& peer : state.interface->peers) {
    out.interface->device.peers.push_back(
        {peer.public_key, std::nullopt, peer.allowed_ips, peer.persistent_keepalive, 0, 0, 0});
  }
  return out;
}

const DesiredPeer* peer_of(const Desired& state, const std::string& site) {
  if (!state.interface) return nullptr;
  for (const DesiredPeer& peer : state.interface->peers) {
    if (peer.site == site) return &peer;
  }
  return nullptr;
}

/// Whether `other` gives the prefix of `address` to another key than `owner`.
bool moves(const Desired& other, const IpAddress& address, const wireguard::PublicKey& owner) {
  if (!other.interface) return false;
  for (const DesiredPeer& peer : other.interface->peers) {
    for (const IpPrefix& prefix : peer.allowed_ips) {
      if (prefix.contains(address) && peer.public_key != owner) return true;
    }
  }
  return false;
}

/// The first route of `live` that leads into a tunnel which is not there; "" if there is none.
std::string hole(const Desired& live, const Observed& world, const Desired* next) {
  for (const control::Route& route : live.table.routes) {
    const DesiredPeer* peer = peer_of(live, route.site);
    if (peer == nullptr) continue;  // direct, or its site has no key yet
    const IpAddress& address = route.targets.front().endpoint.address;
    if (next != nullptr && moves(*next, address, peer->public_key)) continue;
    if (!world.interface) return route.name + ": no interface";
    const auto covers = [&](const IpPrefix& prefix) { return prefix.contains(address); };
    const auto& peers = world.interface->device.peers;
    const auto found = std::ranges::find(peers, peer->public_key, &wireguard::Peer::public_key);
    if (found == peers.end() || std::ranges::none_of(found->allowed_ips, covers)) {
      return route.name + ": no peer";
    }
    if (std::ranges::none_of(world.interface->link.kernel_routes, covers)) {
      return route.name + ": no kernel route";
    }
  }
  return {};
}

}  // namespace

TEST_CASE("plan: applying diff(b, a) to a gives b", "[property]") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const config::Resources first = random_resources(random, {});
    const config::Resources second = random_resources(random, first);
    const Desired a = build_desired(first, node(), 1);
    const Desired b = build_desired(second, node(), 2);
    const Observed start = made_by_hand(a);
    REQUIRE(diff(a, start).is_empty());
    const Observed end = simulate(diff(b, start), b, start);
    REQUIRE(diff(b, end).is_empty());
    Observed want = made_by_hand(b);
    if (control::digest(a.table) == control::digest(b.table)) want.relay->revision = 1;
    REQUIRE(end == want);
  }
}

TEST_CASE("plan: from nothing, and with nothing left", "[property]") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const Desired state = build_desired(random_resources(random, {}), node(), 1);
    const Observed made = simulate(diff(state, {}), state, {});
    REQUIRE(made == made_by_hand(state));
    const Desired empty = build_desired({}, node(), 2);
    const Observed gone = simulate(diff(empty, made), empty, made);
    REQUIRE_FALSE(gone.interface);
    REQUIRE(diff(empty, gone).is_empty());
  }
}

TEST_CASE("plan: no step leaves a hole under the live route table", "[property]") {
  std::size_t steps = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const config::Resources first = random_resources(random, {});
    const config::Resources second = random_resources(random, first);
    const Desired a = build_desired(first, node(), 1);
    const Desired b = build_desired(second, node(), 2);
    Observed world = made_by_hand(a);
    bool is_new_live = control::digest(a.table) == control::digest(b.table);
    for (const Step& step : diff(b, world).steps) {
      world = simulate(Plan{{step}}, b, world);
      is_new_live = is_new_live || std::holds_alternative<SetRouteTable>(step.action);
      const bool is_same = control::digest(a.table) == control::digest(b.table);
      const std::string found =
          is_new_live && !is_same ? hole(b, world, nullptr) : hole(a, world, &b);
      CAPTURE(describe(step));
      REQUIRE(found.empty());
      ++steps;
    }
  }
  CHECK(steps > 2000);
}

TEST_CASE("plan: any drift is put right", "[property]") {
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    CAPTURE(seed);
    Generator random(seed);
    const Desired wanted = build_desired(random_resources(random, {}), node(), 1);
    const Desired other = build_desired(random_resources(random, {}), node(), 1);
    Observed world = made_by_hand(other);
    if (world.interface) {
      if (random.once_in(2)) world.interface->link.is_up = false;
      if (random.once_in(2)) world.interface->device.listen_port = 7;
      if (random.once_in(2)) {  // as wireguard-go leaves it after its start
        world.interface->device.public_key.reset();
        world.interface->device.peers.clear();
      }
      if (random.once_in(2)) world.interface->link.addresses.clear();
    }
    if (random.once_in(3)) world.relay.reset();
    const Observed end = simulate(diff(wanted, world), wanted, world);
    REQUIRE(diff(wanted, end).is_empty());
    const bool is_nobodys = world.interface && !world.interface->device.public_key;
    const bool stays = !wanted.interface && is_nobodys;  // who knows who made it
    REQUIRE(end.interface == (stays ? world.interface : made_by_hand(wanted).interface));
  }
}
