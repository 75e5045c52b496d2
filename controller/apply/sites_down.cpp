#include "controller/apply/sites_down.hpp"

#include <algorithm>

#include "controller/apply/reconciler.hpp"

namespace adit::apply {

std::vector<std::string> sites_down(const plan::Desired& desired, const plan::Observed& observed,
                                    std::int64_t wall) {
  if (!desired.interface) return {};
  const auto is_up = [&](const plan::DesiredPeer& wanted) {
    if (!observed.interface) return false;
    const auto& peers = observed.interface->device.peers;
    const auto peer = std::ranges::find(peers, wanted.public_key, &wireguard::Peer::public_key);
    return peer != peers.end() && wall - peer->latest_handshake <= kHandshakeLifetime.count();
  };
  std::vector<std::string> down;
  for (const plan::DesiredPeer& peer : desired.interface->peers) {
    if (peer.persistent_keepalive > Seconds{0} && !is_up(peer)) down.push_back(peer.site);
  }
  std::ranges::sort(down);
  return down;
}

}  // namespace adit::apply
