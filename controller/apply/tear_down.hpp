// Takes away what adit made on this node outside of its own folders: the WireGuard interface and
// the kernel routes (protocol 173) on it. For `adit-controller --tear-down`: the end of a package's
// life, when no controller runs any more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "controller/config/node_config.hpp"
#include "controller/wireguard/backend.hpp"

namespace adit::apply {

struct TearDown {
  std::vector<std::string> removed;  ///< one sentence each
  std::string left;                  ///< what is somebody else's, and why; empty: nothing was left

  bool operator==(const TearDown&) const = default;
};

/// The interface `name` of `backend` goes if it has `own_key`, or if it is blank (no key, no peer,
/// no address: made a moment before a crash). Errc::Conflict if it is no WireGuard interface that
/// `backend` knows.
Result<TearDown> tear_down_interface(wireguard::Backend& backend, const std::string& name,
                                     const std::optional<wireguard::PublicKey>& own_key);

/// For the node of `config`, kernel or userspace WireGuard. Errc::Conflict while a controller runs
/// on its state folder; Errc::Denied says which privilege is missing. Nothing there is success.
Result<TearDown> tear_down(const config::NodeConfig& config);

}  // namespace adit::apply
