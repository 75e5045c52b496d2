// Snapshot: everything a reader may ask for, as one immutable value that the local worker
// publishes. A GET is answered from the newest one and never waits for the worker. Parts that did
// not change are shared between snapshots.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/messages.hpp"
#include "controller/apply/node.hpp"
#include "controller/apply/step_report.hpp"
#include "controller/config/resources.hpp"
#include "controller/plan/desired.hpp"
#include "controller/plan/observed.hpp"

namespace adit::apply {

/// The head and what it asks for; a new one with each revision.
struct State {
  std::uint64_t revision = 0;
  config::Resources resources;
  plan::Desired desired;
  std::uint64_t table_digest = 0;  ///< control::digest of desired.table
};

struct Snapshot {
  std::shared_ptr<const NodeContext> node;
  std::shared_ptr<const State> state;
  std::shared_ptr<const control::Stats> relay;  ///< null: the relay does not answer
  std::string relay_problem;                    ///< why
  std::optional<plan::ObservedInterface> interface;
  std::string interface_problem;
  std::optional<wireguard::Implementation> implementation;
  std::vector<StepReport> open_steps;       ///< those that are not done
  std::vector<IpPrefix> own_networks = {};  ///< of the machine's links but the tunnel's
  std::shared_ptr<const control::HealthReply> health = {};  ///< null: nothing to be said of targets
  std::string store_problem = {};  ///< why nothing can be committed; empty if it can
};

}  // namespace adit::apply
