#include "controller/apply/tunnel_access.hpp"

#include <utility>

namespace adit::apply {

TunnelAccess::TunnelAccess(Opener open, LinkTest link_exists)
    : open_(std::move(open)), link_exists_(std::move(link_exists)) {}

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
  observed.interface.reset();
  observed.interface_problem.clear();
  if (!is_wanted && !link_exists_(interface)) return;
  wireguard::Backend* reader = backend();
  if (reader == nullptr) {
    observed.interface_problem = error_.what;
    return;
  }
  auto link = reader->read_link(interface);
  if (!link) {
    if (link.error().code != Errc::NotFound) observed.interface_problem = link.error().what;
    return;
  }
  auto device = reader->read_device(interface);
  if (!device) {
    if (device.error().code != Errc::NotFound) observed.interface_problem = device.error().what;
    return;
  }
  observed.interface = plan::ObservedInterface{std::move(*link), std::move(*device)};
}

std::optional<wireguard::Implementation> TunnelAccess::implementation() const {
  if (!backend_) return std::nullopt;
  return backend_->implementation();
}

}  // namespace adit::apply
