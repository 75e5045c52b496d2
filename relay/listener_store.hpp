// The supervisor's listeners: per configured address and port one bound SO_REUSEPORT socket for
// each worker, all on the same port, kept over the death of the data process. They are bound here
// (which may need a privilege) and listened on by the data process.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::relay {

struct BoundListener {
  std::uint16_t port = 0;  ///< the real one
  std::vector<UniqueFd> fds;
};

class ListenerStore {
 public:
  using Map = std::map<control::ListenAddress, BoundListener>;

  /// What `address` is bound to; binds `count` sockets if it is not yet. The result is valid until
  /// the next call. Errors carry the errno of bind(2). EADDRINUSE if anybody else is on the port;
  /// an own listener is not in the way (`addresses` goes from "::" to 127.0.0.1 and back, live):
  /// the kernel gives new connections to the closer address, and to the other once it is unbound.
  Result<const BoundListener*> bind(const control::ListenAddress& address, unsigned count);
  /// Refuses new connections on every copy of the sockets (shutdown(2)) and closes ours.
  void unbind(const control::ListenAddress& address);
  /// unbind() of all that are not in `kept`.
  void unbind_all_but(const std::set<control::ListenAddress>& kept);
  /// Takes sockets that an earlier run of this process bound.
  void adopt(const control::ListenAddress& address, BoundListener listener);

  [[nodiscard]] const Map& all() const { return listeners_; }

 private:
  [[nodiscard]] bool overlaps_own(const control::ListenAddress& address) const;

  Map listeners_;
};

}  // namespace adit::relay
