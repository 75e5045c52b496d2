// The socket options of both legs of a connection, and the connecting socket of the second.
#pragma once

#include <cerrno>
#include <cstdint>

#include "common/net/ip_address.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::relay {

/// TCP_NODELAY. Accepted sockets inherit it from a listener.
void send_at_once(int fd);

/// A peer that dies while nothing is under way to it is noticed after about two minutes; one that
/// dies with bytes unacknowledged, or with its window closed, only when the kernel gives up sending
/// again (net.ipv4.tcp_retries2: about 15 minutes) or by our own idle deadline. Accepted sockets
/// inherit it from a listener. Not TCP_USER_TIMEOUT: it also ends a connection whose peer is well
/// and only reads nothing for so long (a paused download), as a closed window counts.
void keep_alive(int fd);

/// SO_REUSEADDR: what is left of this socket's connections (TIME_WAIT) keeps nobody off its port.
void allow_later_bind(int fd);

/// close(2) of `fd` will send RST instead of FIN, and discard what was not sent yet.
void reset_on_close(int fd);

/// What `dial` calls a source address that this machine does not have (the kernel's word for that,
/// EADDRNOTAVAIL, also means that no port is left).
inline constexpr int kNoSuchSource = ENODEV;

/// Who speaks first once it is connected. If it is we, the ACK that ends the handshake waits for
/// our first bytes and goes with them, which is one packet less (tcp(7): TCP_QUICKACK). If it were
/// not we, the other end would not know for up to 200 ms that there is a connection.
enum class FirstWord : std::uint8_t { Ours, Theirs };

/// A non-blocking socket that connects to `target`, from `source` (of the same family) unless that
/// is null; whether it has come to be is told by writability and SO_ERROR. Errors: the errno of
/// socket(2) or connect(2); kNoSuchSource.
Result<UniqueFd> dial(const Endpoint& target, const IpAddress* source, FirstWord first_word);

/// The address and port of this side of a connected socket (getsockname(2)); unspecified, of the
/// family of `peer`, if the kernel does not tell.
[[nodiscard]] Endpoint local_end(int fd, const Endpoint& peer);

/// SO_ERROR, which is thereby cleared.
int take_socket_error(int fd);

}  // namespace adit::relay
