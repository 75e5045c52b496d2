// TunnelAccess: reaches WireGuard only when it is needed, so that a controller with nothing but
// `direct` sites needs no privilege and opens nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controller/plan/observed.hpp"
#include "controller/wireguard/backend.hpp"

namespace adit::apply {

class TunnelAccess {
 public:
  using Opener = std::function<Result<std::unique_ptr<wireguard::Backend>>()>;
  using LinkTest = std::function<bool(const std::string& interface)>;

  /// What can be told of an interface without any privilege.
  struct Tests {
    LinkTest link_exists;
    LinkTest has_ipv6;  ///< whether it may have IPv6 addresses; also for one that is not there yet
  };

  TunnelAccess(Opener open, Tests tests);

  /// The backend, opened at first need; null if it cannot be (`error`), tried again next time.
  wireguard::Backend* backend();

  [[nodiscard]] const Error& error() const { return error_; }

  /// Reads the interface into `observed`. Looks only if `is_wanted` or if a link of that name is
  /// there, which may be one of ours that is no longer wanted. Where reading fails for a reason
  /// that tells nothing of the interface, what `observed` has of it stays.
  void observe(const std::string& interface, bool is_wanted, plan::Observed& observed);

  /// Which implementation carries the interface; nothing before the backend was needed.
  [[nodiscard]] std::optional<wireguard::Implementation> implementation() const;

 private:
  static Result<plan::ObservedInterface> read(wireguard::Backend& reader,
                                              const std::string& interface);

  Opener open_;
  Tests tests_;
  std::unique_ptr<wireguard::Backend> backend_;
  Error error_;
};

}  // namespace adit::apply
