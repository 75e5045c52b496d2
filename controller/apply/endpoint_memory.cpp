#include "controller/apply/endpoint_memory.hpp"

#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/os/files.hpp"

namespace adit::apply {

namespace {

constexpr std::size_t kMaxFile = 1U << 20;  // 10 000 peers, each a line of 100 bytes

}  // namespace

EndpointMemory::EndpointMemory(std::unique_ptr<wireguard::Backend> backend, std::string path)
    : backend_(std::move(backend)), path_(std::move(path)) {
  load();
}

/// Lines of "PUBLIC-KEY ENDPOINT". Another line is skipped: it is a memory, not a configuration.
void EndpointMemory::load() {
  const auto content = os::read_file(path_, kMaxFile);
  if (!content) return;
  std::istringstream lines(std::string(content->begin(), content->end()));
  for (std::string key, endpoint; lines >> key >> endpoint;) {
    const auto peer = wireguard::PublicKey::parse(key);
    const auto place = Endpoint::parse(endpoint);
    if (peer && place) endpoints_.insert_or_assign(*peer, *place);
  }
}

void EndpointMemory::save() {
  std::string text;
  for (const auto& [key, endpoint] : endpoints_) {
    text += fmt::format("{} {}\n", key.base64(), endpoint);
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  // A disk that takes nothing is reported where it matters: by the store.
  static_cast<void>(os::write_file_atomically(path_, {bytes, text.size()}, 0600));
}

void EndpointMemory::note(const wireguard::Device& device) {
  bool is_new = false;
  present_.clear();
  for (const wireguard::Peer& peer : device.peers) {
    present_.insert(peer.public_key);
    // Before a handshake it is what we set ourselves.
    if (!peer.endpoint || peer.latest_handshake == 0) continue;
    const auto known = endpoints_.find(peer.public_key);
    if (known != endpoints_.end() && known->second == *peer.endpoint) continue;
    endpoints_.insert_or_assign(peer.public_key, *peer.endpoint);
    is_new = true;
  }
  if (is_new) save();
}

Result<wireguard::Device> EndpointMemory::read_device(const std::string& name) {
  auto device = backend_->read_device(name);
  if (device) {
    note(*device);
  } else if (device.error().code == Errc::NotFound) {
    present_.clear();
  }
  return device;
}

Result<void> EndpointMemory::change_device(const wireguard::DeviceChange& change) {
  wireguard::DeviceChange completed = change;
  for (wireguard::PeerChange& peer : completed.peers) {
    if (peer.remove) {
      if (endpoints_.erase(peer.public_key) != 0) save();
      continue;
    }
    const auto known = endpoints_.find(peer.public_key);
    const bool is_added = !present_.contains(peer.public_key);
    if (is_added && !peer.endpoint && known != endpoints_.end()) peer.endpoint = known->second;
  }
  return backend_->change_device(completed);
}

wireguard::Implementation EndpointMemory::implementation() const {
  return backend_->implementation();
}

Result<wireguard::Link> EndpointMemory::read_link(const std::string& name) {
  return backend_->read_link(name);
}

Result<void> EndpointMemory::create_interface(const std::string& name) {
  return backend_->create_interface(name);
}

Result<void> EndpointMemory::delete_interface(const std::string& name) {
  return backend_->delete_interface(name);
}

Result<void> EndpointMemory::add_address(const std::string& name,
                                         const wireguard::InterfaceAddress& address) {
  return backend_->add_address(name, address);
}

Result<void> EndpointMemory::remove_address(const std::string& name,
                                            const wireguard::InterfaceAddress& address) {
  return backend_->remove_address(name, address);
}

Result<void> EndpointMemory::set_up(const std::string& name, std::uint32_t mtu) {
  return backend_->set_up(name, mtu);
}

Result<void> EndpointMemory::add_kernel_route(const std::string& name, const IpPrefix& prefix) {
  return backend_->add_kernel_route(name, prefix);
}

Result<void> EndpointMemory::remove_kernel_route(const std::string& name, const IpPrefix& prefix) {
  return backend_->remove_kernel_route(name, prefix);
}

}  // namespace adit::apply
