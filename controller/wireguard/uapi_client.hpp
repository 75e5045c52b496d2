// UapiClient: one connection to the UAPI socket of a userspace WireGuard, blocking with deadlines.
// Several requests may follow each other on it.
#pragma once

#include <string>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "controller/wireguard/device.hpp"

namespace adit::wireguard {

class UapiClient {
 public:
  /// Errc::NotFound or Unavailable: nobody serves `path`; Denied: it belongs to another user.
  static Result<UapiClient> connect(const std::string& path);

  /// The device; `interface` is only its name in the result.
  Result<Device> get(const std::string& interface);
  /// Sends a `set` (uapi_codec.hpp) and waits for its answer. The error has the errno that was
  /// answered. A set is not atomic: after an error, read the device again.
  Result<void> set(const std::string& request);

  /// Waits until the other side has gone; false when it is still there at `deadline`.
  bool wait_for_end(TimePoint deadline);

 private:
  explicit UapiClient(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<void> send(const std::string& request, TimePoint deadline);
  /// The whole answer into `answer`, which the caller wipes on every way out.
  Result<void> receive(std::string& answer, TimePoint deadline);

  UniqueFd fd_;
};

}  // namespace adit::wireguard
