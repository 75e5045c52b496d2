// The model of applying a plan: what the kernel, WireGuard and the relay would be afterwards.
#include <algorithm>
#include <cassert>

#include "common/control/codec.hpp"
#include "controller/plan/plan.hpp"

namespace adit::plan {

namespace {

template <class T>
void insert_sorted(std::vector<T>& into, const T& value) {
  const auto at = std::ranges::lower_bound(into, value);
  if (at == into.end() || *at != value) into.insert(at, value);
}

class Model {
 public:
  Model(const Desired& desired, Observed& observed) : desired_(desired), observed_(observed) {}

  void operator()(const CreateInterface& step) {
    observed_.interface.emplace();
    observed_.interface->link.name = step.name;
    observed_.interface->link.kind = "wireguard";
    observed_.interface->device.interface = step.name;
    observed_.interface_problem.clear();
  }

  void operator()(const DeleteInterface&) { observed_.interface.reset(); }

  void operator()(const ConfigureInterface& step) {
    if (step.set_private_key) device().public_key = desired_.node_key;
    if (step.listen_port) device().listen_port = *step.listen_port;
  }

  void operator()(const AddAddress& step) { insert_sorted(link().addresses, step.address); }

  void operator()(const RemoveAddress& step) { std::erase(link().addresses, step.address); }

  void operator()(const SetUp& step) {
    link().is_up = true;
    link().mtu = step.mtu;
  }

  void operator()(const ChangePeer& step) {
    auto& peers = device().peers;
    const wireguard::PublicKey& key = step.change.public_key;
    auto at = std::ranges::lower_bound(peers, key, {}, &wireguard::Peer::public_key);
    const bool is_there = at != peers.end() && at->public_key == key;
    if (step.change.remove) {
      if (is_there) peers.erase(at);
      return;
    }
    if (!is_there) {
      wireguard::Peer fresh;
      fresh.public_key = key;
      at = peers.insert(at, fresh);
    }
    if (step.change.persistent_keepalive) {
      at->persistent_keepalive = *step.change.persistent_keepalive;
    }
    if (!step.change.allowed_ips) return;
    // As in the kernel: an allowed ip belongs to one peer, the last that was given it.
    for (wireguard::Peer& other : peers) {
      if (other.public_key == key) continue;
      std::erase_if(other.allowed_ips, [&](const IpPrefix& prefix) {
        return std::ranges::binary_search(*step.change.allowed_ips, prefix);
      });
    }
    at->allowed_ips = *step.change.allowed_ips;
  }

  void operator()(const AddKernelRoute& step) { insert_sorted(link().kernel_routes, step.prefix); }

  void operator()(const RemoveKernelRoute& step) { std::erase(link().kernel_routes, step.prefix); }

  void operator()(const SetRouteTable& step) {
    observed_.relay = ObservedRelay{step.revision, control::digest(desired_.table)};
    observed_.relay_problem.clear();
  }

 private:
  wireguard::Link& link() {
    assert(observed_.interface);
    return observed_.interface->link;
  }

  wireguard::Device& device() {
    assert(observed_.interface);
    return observed_.interface->device;
  }

  const Desired& desired_;
  Observed& observed_;
};

}  // namespace

Observed simulate(const Plan& plan, const Desired& desired, Observed observed) {
  Model model(desired, observed);
  for (const Step& step : plan.steps) std::visit(model, step.action);
  return observed;
}

}  // namespace adit::plan
