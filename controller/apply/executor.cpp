#include "controller/apply/executor.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace adit::apply {

namespace {

using wireguard::DeviceChange;

DeviceChange change_of(const std::string& interface) {
  DeviceChange change;
  change.interface = interface;
  return change;
}

/// One step of the tunnel. Every call is idempotent: what is already so is success.
class TunnelStep {
 public:
  TunnelStep(wireguard::Backend& backend, const wireguard::PrivateKey& private_key)
      : backend_(backend), private_key_(private_key) {}

  /// An interface of that name may be there already: somebody else's is not touched.
  Result<void> operator()(const plan::CreateInterface& step) const {
    if (auto made = backend_.create_interface(step.name); !made) return made;
    const auto device = backend_.read_device(step.name);
    if (!device) return fail(device.error());
    const bool is_blank = !device->public_key && device->peers.empty();
    if (is_blank || device->public_key == own_key()) return {};
    return fail(Errc::Conflict,
                fmt::format("interface {} is a WireGuard interface that adit did not make; remove "
                            "it or set another name with `interface:` in controller.yaml",
                            step.name));
  }

  Result<void> operator()(const plan::DeleteInterface& step) const {
    return backend_.delete_interface(step.name);
  }

  Result<void> operator()(const plan::ConfigureInterface& step) const {
    DeviceChange change = change_of(step.name);
    if (step.set_private_key) change.private_key = private_key_;
    change.listen_port = step.listen_port;
    return backend_.change_device(change);
  }

  Result<void> operator()(const plan::AddAddress& step) const {
    return backend_.add_address(step.name, step.address);
  }

  Result<void> operator()(const plan::RemoveAddress& step) const {
    return backend_.remove_address(step.name, step.address);
  }

  Result<void> operator()(const plan::SetUp& step) const {
    return backend_.set_up(step.name, step.mtu);
  }

  Result<void> operator()(const plan::ChangePeer& step) const {
    DeviceChange change = change_of(step.name);
    change.peers.push_back(step.change);
    return backend_.change_device(change);
  }

  Result<void> operator()(const plan::AddKernelRoute& step) const {
    return backend_.add_kernel_route(step.name, step.prefix);
  }

  Result<void> operator()(const plan::RemoveKernelRoute& step) const {
    return backend_.remove_kernel_route(step.name, step.prefix);
  }

  Result<void> operator()(const plan::SetRouteTable& /*step*/) const {
    return fail(Errc::Internal, "the route table is not a step of the tunnel");
  }

 private:
  [[nodiscard]] std::optional<wireguard::PublicKey> own_key() const {
    const auto key = private_key_.public_key();
    return key ? std::optional(*key) : std::nullopt;
  }

  wireguard::Backend& backend_;
  const wireguard::PrivateKey& private_key_;
};

Result<void> push_table(const plan::Desired& desired, RelayLink& relay,
                        std::vector<std::string>& warnings) {
  auto reply = relay.set(desired.table);
  if (!reply) return fail(std::move(reply).error());
  if (!reply->problems.empty()) {
    return fail(Errc::Conflict,
                fmt::format("the relay refuses the table and goes on with revision {}: {}",
                            reply->revision, fmt::join(reply->problems, "; ")));
  }
  if (!reply->warning.empty()) warnings.push_back("relay: " + reply->warning);
  return {};
}

/// Remembers what failed, to tell which later steps cannot work.
class Dependencies {
 public:
  void failed(const plan::Step& step, const std::string& what) {
    if (std::holds_alternative<plan::CreateInterface>(step.action)) no_interface_ = what;
    if (std::holds_alternative<plan::SetUp>(step.action)) not_up_ = what;
    if (step.group == plan::Group::RouteTable) no_table_ = what;
  }

  /// The step that `step` would need, or nothing if it can be tried.
  [[nodiscard]] std::optional<std::string> missing_for(const plan::Step& step) const {
    if (step.group == plan::Group::RouteTable) return std::nullopt;
    if (no_interface_) return no_interface_;
    if (step.group == plan::Group::TunnelRemoval) return no_table_;
    return std::holds_alternative<plan::AddKernelRoute>(step.action) ? not_up_ : std::nullopt;
  }

 private:
  std::optional<std::string> no_interface_;
  std::optional<std::string> not_up_;
  std::optional<std::string> no_table_;
};

Result<void> perform(const plan::Step& step, const plan::Desired& desired, const Tools& tools,
                     std::vector<std::string>& warnings) {
  if (step.group == plan::Group::RouteTable) return push_table(desired, tools.relay, warnings);
  if (tools.backend == nullptr) return fail(tools.backend_error);
  return std::visit(TunnelStep(*tools.backend, tools.private_key), step.action);
}

StepReport waiting_report(const plan::Step& step, std::string reason) {
  StepReport report = report_of(step, StepState::Waiting);
  report.error = std::move(reason);
  return report;
}

std::string fix_for(const plan::Step& step, const Error& error) {
  if (step.group != plan::Group::RouteTable) {
    // Other refusals (a socket of another user, a mode) say themselves what is in the way.
    if (error.sys_errno == EPERM) {
      return "give adit-controller CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)";
    }
    const bool is_taken =
        error.code == Errc::Conflict && std::holds_alternative<plan::CreateInterface>(step.action);
    return is_taken ? "choose another name with interface: in controller.yaml" : "";
  }
  switch (error.code) {
    case Errc::NotFound:
    case Errc::Unavailable:
      return "start adit-relay, or set relay_socket: in controller.yaml to its control socket";
    case Errc::Denied:
      return "start adit-relay with --controller-user and this controller's user, and make that "
             "user "
             "a member of the relay's group";
    case Errc::Conflict:
      return "free the port that it names, or change the port in the configuration";
    default:
      return "";
  }
}

}  // namespace

StepReport failure_report(const plan::Step& step, const Error& error) {
  const bool is_outside = step.group == plan::Group::RouteTable &&
                          (error.code == Errc::Unavailable || error.code == Errc::NotFound);
  StepReport report = report_of(step, is_outside ? StepState::Waiting : StepState::Failing);
  report.error = error.what;
  report.fix = fix_for(step, error);
  return report;
}

Execution execute(const plan::Plan& plan, const plan::Desired& desired, const Tools& tools,
                  const std::stop_token& stop) {
  Execution done;
  Dependencies dependencies;
  for (const plan::Step& step : plan.steps) {
    if (stop.stop_requested()) {
      done.reports.push_back(waiting_report(step, "the controller is ending"));
      continue;
    }
    if (const auto missing = dependencies.missing_for(step)) {
      done.reports.push_back(waiting_report(step, "comes after: " + *missing));
      dependencies.failed(step, *missing);
      continue;
    }
    if (auto result = perform(step, desired, tools, done.warnings); !result) {
      done.reports.push_back(failure_report(step, result.error()));
      dependencies.failed(step, done.reports.back().what);
      continue;
    }
    done.reports.push_back(report_of(step, StepState::Done));
  }
  return done;
}

}  // namespace adit::apply
