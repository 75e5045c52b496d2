// What the tests of plan/ share: a node, states written as YAML, and plans as text.
#pragma once

#include <string>

#include "common/control/codec.hpp"
#include "controller/config/ownership.hpp"
#include "controller/plan/plan.hpp"

namespace adit::plan::test {

/// A public key whose bytes are all `byte`; its text begins alike for alike bytes.
inline wireguard::PublicKey key(std::uint8_t byte) {
  wireguard::PublicKey out;
  out.bytes.fill(byte);
  return out;
}

inline IpPrefix prefix(std::string_view text) {
  return IpPrefix::parse(text).value();
}

inline NodeIdentity node() {
  return {"adit0", 51820, key(99), {prefix("10.98.0.0/20"), prefix("fd00:db8:ad17::/64")}};
}

/// The state that `yaml` means, on an empty head.
inline config::Resources resources(const std::string& yaml) {
  return config::apply_files({{"a.yaml", yaml}}, {}, {}, {node().pool, {}, node().public_key})
      .value();
}

inline Desired desired(const std::string& yaml, std::uint64_t revision = 1) {
  return build_desired(resources(yaml), node(), revision);
}

/// What is observed when `state` has been applied to the letter.
inline Observed applied(const Desired& state) {
  Observed out;
  out.relay = ObservedRelay{state.table.revision, control::digest(state.table)};
  if (!state.interface) return out;
  ObservedInterface& interface = out.interface.emplace();
  interface.link.name = state.interface->name;
  interface.link.is_up = true;
  interface.link.mtu = state.interface->mtu;
  interface.link.kind = "wireguard";
  interface.link.addresses = state.interface->addresses;
  interface.link.kernel_routes = state.interface->kernel_routes;
  interface.device.interface = state.interface->name;
  interface.device.listen_port = state.interface->listen_port;
  interface.device.public_key = state.interface->public_key;
  for (const DesiredPeer& peer : state.interface->peers) {
    interface.device.peers.push_back(
        {peer.public_key, std::nullopt, peer.allowed_ips, peer.persistent_keepalive, 0, 0, 0});
  }
  return out;
}

/// One step a line: "+ peer AQEBAQ… (site home): allowed ips …".
inline std::string text(const Plan& plan) {
  std::string out;
  for (const Step& step : plan.steps)
    out += std::string(1, sign(step)) + " " + describe(step) + "\n";
  return out;
}

/// A site as one line of YAML.
inline std::string site(const std::string& name, std::uint8_t key_byte, const std::string& rest) {
  return "  " + name + ": {public_key: \"" + key(key_byte).base64() + "\", " + rest + "}\n";
}

}  // namespace adit::plan::test
