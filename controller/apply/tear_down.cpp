#include "controller/apply/tear_down.hpp"

#include <cerrno>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/files.hpp"
#include "common/unique_fd.hpp"

namespace adit::apply {

namespace {

using wireguard::Backend;
using wireguard::PublicKey;

/// Root as the owner of the state folder for as long as this lives: what is made there must stay
/// the controller's, and its key is read only by its owner. Others stay who they are.
class AsOwner {
 public:
  explicit AsOwner(const std::string& folder) {
    struct stat status {};

    if (::geteuid() != 0 || ::stat(folder.c_str(), &status) != 0 || status.st_uid == 0) return;
    is_other_ = ::setegid(status.st_gid) == 0 && ::seteuid(status.st_uid) == 0;
  }

  ~AsOwner() {
    if (!is_other_) return;
    const bool is_root_again = ::seteuid(0) == 0 && ::setegid(0) == 0;
    static_cast<void>(is_root_again);  // what needs it says so itself
  }

  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
  AsOwner(AsOwner&&) = delete;
  AsOwner& operator=(AsOwner&&) = delete;

 private:
  bool is_other_ = false;
};

struct OwnState {
  UniqueFd lock;
  std::optional<PublicKey> key;  ///< nothing: no controller has ever run here
};

Result<OwnState> take_state(const std::string& folder) {
  struct stat status {};

  if (::stat(folder.c_str(), &status) != 0 && errno == ENOENT) return OwnState{};
  const AsOwner owner(folder);
  OwnState state;
  auto lock = os::lock_directory(folder);
  if (!lock) {
    const Error& error = lock.error();
    if (error.code != Errc::Conflict) return fail(error);
    return fail(Errc::Conflict, error.what + "; stop adit-controller first");
  }
  state.lock = std::move(*lock);
  const auto key = wireguard::load_private_key(folder + "/wireguard.key");
  if (!key && key.error().code != Errc::NotFound) return fail(key.error());
  if (key) {
    auto own = key->public_key();
    if (!own) return fail(std::move(own).error());
    state.key = *own;
  }
  return state;
}

bool is_ours(const wireguard::Device& device, const wireguard::Link& link,
             const std::optional<PublicKey>& own_key) {
  if (device.public_key) return own_key && *device.public_key == *own_key;
  return device.peers.empty() && link.addresses.empty();
}

}  // namespace

Result<TearDown> tear_down_interface(Backend& backend, const std::string& name,
                                     const std::optional<PublicKey>& own_key) {
  const auto link = backend.read_link(name);
  if (!link)
    return link.error().code == Errc::NotFound ? TearDown{} : Result<TearDown>(fail(link.error()));
  const auto device = backend.read_device(name);
  if (!device) return fail(device.error());
  TearDown done;
  if (!is_ours(*device, *link, own_key)) {
    done.left =
        fmt::format("interface {} is a WireGuard interface that adit did not make; it stays", name);
    return done;
  }
  for (const IpPrefix& prefix : link->kernel_routes) {
    if (auto gone = backend.remove_kernel_route(name, prefix); !gone) return fail(gone.error());
    done.removed.push_back(fmt::format("kernel route {}", prefix));
  }
  if (auto gone = backend.delete_interface(name); !gone) return fail(gone.error());
  done.removed.push_back("interface " + name);
  return done;
}

Result<TearDown> tear_down(const config::NodeConfig& config) {
  const auto state = take_state(config.state_dir);
  if (!state) return fail(state.error());
  const std::string& name = config.interface;
  if (::if_nametoindex(name.c_str()) == 0) return TearDown{};
  auto backend = wireguard::open_backend(config.uapi_dir, config.wireguard_go);
  if (!backend) return fail(backend.error());
  auto done = tear_down_interface(**backend, name, state->key);
  const bool is_unknown = !done && done.error().code == Errc::Conflict;
  // A kernel that has learned WireGuard since: wireguard-go may still serve what it made.
  if (is_unknown && (*backend)->implementation() == wireguard::Implementation::Kernel) {
    auto userspace = wireguard::open_userspace_backend(config.uapi_dir, config.wireguard_go);
    if (!userspace) return fail(userspace.error());
    done = tear_down_interface(**userspace, name, state->key);
  }
  if (done || done.error().code != Errc::Conflict) return done;
  TearDown nothing;
  nothing.left = fmt::format("interface {} is none of adit's; it stays", name);
  return nothing;
}

}  // namespace adit::apply
