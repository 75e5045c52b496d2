// Any text as the answer of a userspace WireGuard: what parses, set again, parses to the same
// peers.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "controller/wireguard/uapi_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adit::wireguard;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)uapi::is_complete(text);
  const auto device = uapi::parse_get(text, "adit0");
  if (!device) return 0;
  for (const auto& peer : device->peers) {
    const PeerChange change{peer.public_key, false, peer.allowed_ips, peer.persistent_keepalive,
                            peer.endpoint};
    const auto again = uapi::parse_get(uapi::encode_set_peer(change) + "errno=0\n\n", "adit0");
    if (!again || again->peers.size() != 1) std::abort();
    if (again->peers[0].allowed_ips != peer.allowed_ips) std::abort();
    if (again->peers[0].endpoint != peer.endpoint) std::abort();
  }
  return 0;
}
