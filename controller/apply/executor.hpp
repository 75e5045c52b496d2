// The only code that changes the world: performs the steps of a plan in their order. A step that
// fails stops only what cannot work without it: nothing of the tunnel without its interface, no
// kernel route on a link that is not up. The route table never waits for the tunnel.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "controller/apply/relay_link.hpp"
#include "controller/apply/step_report.hpp"
#include "controller/plan/desired.hpp"
#include "controller/plan/plan.hpp"
#include "controller/wireguard/backend.hpp"
#include "controller/wireguard/key.hpp"

namespace adit::apply {

/// What the steps are performed with; all of it must outlive the call.
struct Tools {
  wireguard::Backend* backend = nullptr;  ///< null: `backend_error` says why
  Error backend_error;
  const wireguard::PrivateKey& private_key;
  RelayLink& relay;
};

struct Execution {
  std::vector<StepReport> reports;    ///< one for each step of the plan
  std::vector<std::string> warnings;  ///< done, but ("cache not written: …")
};

/// After a stop request the steps that are left are reported as waiting.
Execution execute(const plan::Plan& plan, const plan::Desired& desired, const Tools& tools,
                  const std::stop_token& stop);

/// A step that ended with `error`: whether it waits for something outside or fails, and what a
/// person can do about it.
StepReport failure_report(const plan::Step& step, const Error& error);

}  // namespace adit::apply
