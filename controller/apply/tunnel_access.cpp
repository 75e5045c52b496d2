#include "controller/apply/tunnel_access.hpp"

#include <utility>

namespace adit::apply {

TunnelAccess::TunnelAccess(Opener open, Tests tests)
    : open_(std::move(open)), tests_(std::move(tests)) {}

wireguard::Backend* TunnelAccess::backend() {
  if (!backend_) {
    if (auto opened = open_()) {
      backend_ = std::move(*opened);
    } else {
      error_ = std::move(opened).error();
    }
  }
  return backend_.get();
}

void TunnelAccess::observe(const std::string& interface, bool is_wanted, plan::Observed& observed) {
  observed.interface_problem.clear();
  observed.has_ipv6 = tests_.has_ipv6(interface);
  if (!is_wanted && !tests_.link_exists(interface)) {
    observed.interface.reset();
    return;
  }
  wireguard::Backend* reader = backend();
  if (reader == nullptr) {
    observed.interface.reset();
    observed.interface_problem = error_.what;
    return;
  }
  auto seen = read(*reader, interface);
  if (seen) {
    observed.interface = std::move(*seen);
    return;
  }
  const Errc code = seen.error().code;
  if (code != Errc::NotFound) observed.interface_problem = seen.error().what;
  // A look that failed for another reason tells nothing: what was seen last stands, so that no peer
  // is set again without need.
  const bool is_telling = code == Errc::NotFound || code == Errc::Conflict || code == Errc::Denied;
  if (is_telling) observed.interface.reset();
}

Result<plan::ObservedInterface> TunnelAccess::read(wireguard::Backend& reader,
                                                   const std::string& interface) {
  auto link = reader.read_link(interface);
  if (!link) return fail(std::move(link).error());
  auto device = reader.read_device(interface);
  if (!device) return fail(std::move(device).error());
  return plan::ObservedInterface{std::move(*link), std::move(*device)};
}

std::optional<wireguard::Implementation> TunnelAccess::implementation() const {
  if (!backend_) return std::nullopt;
  return backend_->implementation();
}

}  // namespace adit::apply
