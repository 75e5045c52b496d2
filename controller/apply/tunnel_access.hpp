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

  /// `link_exists` tells without any privilege whether there is a link of this name.
  TunnelAccess(Opener open, LinkTest link_exists);

  /// The backend, opened at first need; null if it cannot be (`error`), tried again next time.
  wireguard::Backend* backend();

  [[nodiscard]] const Error& error() const { return error_; }

  /// Reads the interface into `observed`. Looks only if `is_wanted` or if a link of that name is
  /// there, which may be one of ours that is no longer wanted.
  void observe(const std::string& interface, bool is_wanted, plan::Observed& observed);

  /// Which implementation carries the interface; nothing before the backend was needed.
  [[nodiscard]] std::optional<wireguard::Implementation> implementation() const;

 private:
  Opener open_;
  LinkTest link_exists_;
  std::unique_ptr<wireguard::Backend> backend_;
  Error error_;
};

}  // namespace adit::apply
