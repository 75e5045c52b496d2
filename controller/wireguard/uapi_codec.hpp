// UAPI, the text protocol of userspace WireGuard (wireguard.com/xplatform): text <-> values. PURE.
//
//   get=1\n\n  ->  key=value lines, errno=0, empty line     (keys in hex; a peer begins at
//   public_key=) set=1\n    key=value lines, empty line  ->  errno=N, empty line
#pragma once

#include <string>
#include <string_view>

#include "common/result.hpp"
#include "controller/wireguard/device.hpp"

namespace adit::wireguard::uapi {

/// "get=1" and the empty line.
std::string encode_get();

/// A `set` of the private key alone. The caller wipes the text.
std::string encode_set_private_key(const PrivateKey& key);
/// A `set` of the listen port alone.
std::string encode_set_listen_port(std::uint16_t port);
/// A `set` of one peer; the others are not touched.
std::string encode_set_peer(const PeerChange& change);

/// True once `text` holds a whole answer: it ends with the empty line after errno=.
bool is_complete(std::string_view text);

/// The errno of a whole answer, positive; 0 for success. Errc::Protocol without an errno line.
Result<int> parse_errno(std::string_view text);

/// The device in the answer to `get`, named `interface`; peers and AllowedIPs sorted, unknown keys
/// skipped. The public key is computed from the private one, which is not kept. The caller wipes
/// `text`. Errc::Protocol when a line cannot be read or errno is not 0.
Result<Device> parse_get(std::string_view text, std::string_view interface);

}  // namespace adit::wireguard::uapi
