// Stand-ins for what the local worker works with: a relay, WireGuard and a store that keep what
// they are told in memory and fail when a test says so.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/codec.hpp"
#include "controller/apply/change_flow.hpp"
#include "controller/apply/reconciler.hpp"
#include "controller/apply/relay_link.hpp"
#include "controller/store/store.hpp"
#include "controller/wireguard/backend.hpp"

namespace adit::apply::test {

class FakeRelay final : public RelayLink {
 public:
  std::optional<Error> away;  ///< set: nobody answers
  std::vector<std::string> check_problems;
  std::vector<std::string> set_problems;
  std::optional<control::Table> live;
  std::function<void()> on_set;         ///< called once a table is live
  std::vector<std::string> sites_down;  ///< as told
  int checks = 0;
  int sets = 0;
  int tells = 0;

  Result<std::vector<std::string>> check(const control::Table&) override {
    ++checks;
    if (away) return fail(*away);
    return check_problems;
  }

  Result<control::SetReply> set(const control::Table& table) override {
    ++sets;
    if (away) return fail(*away);
    if (set_problems.empty()) live = table;
    if (on_set) on_set();
    return control::SetReply{set_problems, "", live ? live->revision : 0};
  }

  Result<control::Stats> stats() override {
    if (away) return fail(*away);
    control::Stats stats;
    stats.software = "fake";
    stats.revision = live ? live->revision : 0;
    stats.table_digest = live ? control::digest(*live) : 0;
    stats.sites_down = sites_down;
    return stats;
  }

  Result<void> tell(const control::SiteState& sites) override {
    ++tells;
    if (away) return fail(*away);
    sites_down = sites.down;
    return {};
  }

  int health_questions = 0;

  Result<control::HealthReply> health() override {
    ++health_questions;
    control::HealthReply reply;
    for (const auto& route : live ? live->routes : std::vector<control::Route>{}) {
      for (const auto& target : route.targets) {
        reply.targets.push_back({.route = route.name, .target = target.endpoint, .last_error = {}});
      }
    }
    return reply;
  }
};

/// What FakeBackend changes; the test keeps it.
struct FakeTunnel {
  std::optional<wireguard::Link> link;
  wireguard::Device device;
  bool has_ipv6 = true;
  std::optional<Error> read_error;       ///< of both reads
  std::map<std::string, Error> failing;  ///< by name of the call
  std::vector<std::string> calls;        ///< those that change something
};

class FakeBackend final : public wireguard::Backend {
 public:
  explicit FakeBackend(FakeTunnel& tunnel) : tunnel_(tunnel) {}

  [[nodiscard]] wireguard::Implementation implementation() const override {
    return wireguard::Implementation::Kernel;
  }

  Result<wireguard::Link> read_link(const std::string&) override {
    if (tunnel_.read_error) return fail(*tunnel_.read_error);
    if (!tunnel_.link) return fail(Errc::NotFound, "no such link");
    return *tunnel_.link;
  }

  Result<wireguard::Device> read_device(const std::string&) override {
    if (!tunnel_.link) return fail(Errc::NotFound, "no such interface");
    return tunnel_.device;
  }

  Result<void> create_interface(const std::string& name) override {
    return change("create", [&] {
      if (tunnel_.link) return;
      tunnel_.link.emplace().name = name;
      tunnel_.device = {};
      tunnel_.device.interface = name;
    });
  }

  Result<void> delete_interface(const std::string&) override {
    return change("delete", [&] { tunnel_.link.reset(); });
  }

  Result<void> change_device(const wireguard::DeviceChange& wanted) override {
    return change("change_device", [&] {
      if (wanted.private_key) tunnel_.device.public_key = wanted.private_key->public_key().value();
      if (wanted.listen_port) tunnel_.device.listen_port = *wanted.listen_port;
      for (const auto& peer : wanted.peers) change_peer(peer);
    });
  }

  Result<void> add_address(const std::string&, const wireguard::InterfaceAddress& it) override {
    return change("add_address", [&] {
      tunnel_.link->addresses.push_back(it);
      std::sort(tunnel_.link->addresses.begin(), tunnel_.link->addresses.end());
    });
  }

  Result<void> remove_address(const std::string&, const wireguard::InterfaceAddress& it) override {
    return change("remove_address", [&] { std::erase(tunnel_.link->addresses, it); });
  }

  Result<void> set_up(const std::string&, std::uint32_t mtu) override {
    return change("set_up", [&] {
      tunnel_.link->is_up = true;
      tunnel_.link->mtu = mtu;
    });
  }

  Result<void> add_kernel_route(const std::string&, const IpPrefix& prefix) override {
    return change("add_kernel_route", [&] {
      tunnel_.link->kernel_routes.push_back(prefix);
      std::sort(tunnel_.link->kernel_routes.begin(), tunnel_.link->kernel_routes.end());
    });
  }

  Result<void> remove_kernel_route(const std::string&, const IpPrefix& prefix) override {
    return change("remove_kernel_route", [&] { std::erase(tunnel_.link->kernel_routes, prefix); });
  }

 private:
  template <class Do>
  Result<void> change(const std::string& call, Do make) {
    tunnel_.calls.push_back(call);
    if (const auto found = tunnel_.failing.find(call); found != tunnel_.failing.end()) {
      return fail(found->second);
    }
    make();
    return {};
  }

  void change_peer(const wireguard::PeerChange& wanted) {
    auto& peers = tunnel_.device.peers;
    auto peer = std::find_if(peers.begin(), peers.end(),
                             [&](const auto& p) { return p.public_key == wanted.public_key; });
    if (wanted.remove) {
      if (peer != peers.end()) peers.erase(peer);
      return;
    }
    if (peer == peers.end()) {
      peer = peers.emplace(peers.end());
      peer->public_key = wanted.public_key;
    }
    if (wanted.allowed_ips) peer->allowed_ips = *wanted.allowed_ips;
    if (wanted.endpoint) peer->endpoint = *wanted.endpoint;
    if (wanted.persistent_keepalive) peer->persistent_keepalive = *wanted.persistent_keepalive;
    std::sort(peers.begin(), peers.end(),
              [](const auto& a, const auto& b) { return a.public_key < b.public_key; });
  }

  FakeTunnel& tunnel_;
};

class FakeStore final : public store::Store {
 public:
  std::vector<store::Revision> revisions;
  std::optional<Error> failing;  ///< of commit

  Result<store::Revision> head() override {
    return revisions.empty() ? store::Revision{} : revisions.back();
  }

  Result<std::uint64_t> commit(std::uint64_t expected, const store::Revision& revision) override {
    if (failing) return fail(*failing);
    if (expected != revisions.size()) return fail(Errc::Conflict, "another head");
    revisions.push_back(revision);
    return revisions.size();
  }

  Result<store::Revision> get(std::uint64_t number) override {
    if (number == 0 || number > revisions.size()) return fail(Errc::NotFound, "no such revision");
    return revisions[number - 1];
  }

  Result<std::vector<store::RevisionInfo>> list(std::size_t) override {
    return std::vector<store::RevisionInfo>{};
  }

  void watch(std::function<void(std::uint64_t)>) override {}

  Result<void> lease() override { return {}; }
};

/// All of a local worker but its thread and its disk. The clock is the test's.
struct World {
  FakeRelay relay;
  FakeTunnel tunnel;
  FakeStore store;
  bool is_backend_there = true;
  wireguard::PrivateKey private_key = wireguard::PrivateKey::from_bytes({1, 2, 3});
  std::shared_ptr<const NodeContext> node = make_node();
  Reconciler reconciler{
      TunnelAccess([this]() { return open(); },
                   {[this](const std::string&) { return tunnel.link.has_value(); },
                    [this](const std::string&) { return tunnel.has_ipv6; }}),
      relay,
      private_key,
      "adit0",
      {}};
  ChangeFlow flow{store, relay, reconciler, node, [] { return std::vector<IpPrefix>{}; }};
  Now now{TimePoint{} + Seconds{1000}, 1'700'000'000};

  World() {
    if (!flow.load()) std::abort();
  }

  void pass(Milliseconds time) {
    now.steady += time;
    now.wall += std::chrono::duration_cast<Seconds>(time).count();
  }

  Answer<ChangeResult> apply(const std::string& yaml) {
    ChangeRequest request;
    request.action = ApplyFiles{{{"a.yaml", yaml}}, false};
    return flow.change(request, now);
  }

  Answer<ChangeResult> change(ChangeAction action) {
    ChangeRequest request;
    request.action = std::move(action);
    return flow.change(request, now);
  }

 private:
  Result<std::unique_ptr<wireguard::Backend>> open() {
    if (!is_backend_there) return fail(Errc::Unavailable, "no WireGuard here");
    return std::make_unique<FakeBackend>(tunnel);
  }

  [[nodiscard]] std::shared_ptr<const NodeContext> make_node() const {
    NodeContext context;
    context.identity.public_key = private_key.public_key().value();
    context.identity.pool = {IpPrefix::parse("10.98.0.0/20").value(),
                             IpPrefix::parse("fd00:db8:ad17::/64").value()};
    return std::make_shared<const NodeContext>(std::move(context));
  }
};

inline Error error(Errc code, std::string what = "injected") {
  return {code, std::move(what), 0};
}

inline const std::string kKeyText = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// One home with a key and one host at it.
inline const std::string kHome = "sites:\n  home: {public_key: " + kKeyText +
                                 ", networks: [10.30.0.0/24], target: 10.30.0.200:443}\n"
                                 "hosts:\n  app.example.com: {site: home}\n";
inline const std::string kDirect =
    "hosts:\n  app.example.com: {site: direct, target: 127.0.0.1:9}\n";

/// Lets time pass in small steps, as the worker does, for `duration`.
inline void live(World& world, Milliseconds duration) {
  const TimePoint end = world.now.steady + duration;
  while (world.now.steady < end) {
    world.reconciler.tick(world.now);
    world.pass(Milliseconds{250});
  }
}

}  // namespace adit::apply::test
