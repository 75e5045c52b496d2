// The plan: ordered steps that lead from observed to desired. One Step is one change of the world;
// printable for people and for JSON; applied by apply/. PURE.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/control/messages.hpp"
#include "controller/plan/desired.hpp"
#include "controller/plan/observed.hpp"

namespace adit::plan {

struct CreateInterface {
  std::string name;
  bool operator==(const CreateInterface&) const = default;
};

struct DeleteInterface {
  std::string name;
  bool operator==(const DeleteInterface&) const = default;
};

/// Private key and/or listen port of the interface.
struct ConfigureInterface {
  std::string name;
  bool set_private_key = false;
  std::optional<std::uint16_t> listen_port;
  bool operator==(const ConfigureInterface&) const = default;
};

struct AddAddress {
  std::string name;
  wireguard::InterfaceAddress address;
  bool operator==(const AddAddress&) const = default;
};

struct RemoveAddress {
  std::string name;
  wireguard::InterfaceAddress address;
  bool operator==(const RemoveAddress&) const = default;
};

struct SetUp {
  std::string name;
  std::uint32_t mtu = 0;
  bool operator==(const SetUp&) const = default;
};

struct ChangePeer {
  enum class Kind { Add, Change, Remove };
  Kind kind = Kind::Add;
  std::string name;  ///< of the interface
  wireguard::PeerChange change;
  std::string site;  ///< empty for a peer that no site has (drift, or removed)
  bool operator==(const ChangePeer&) const = default;
};

struct AddKernelRoute {
  std::string name;
  IpPrefix prefix;
  bool operator==(const AddKernelRoute&) const = default;
};

struct RemoveKernelRoute {
  std::string name;
  IpPrefix prefix;
  bool operator==(const RemoveKernelRoute&) const = default;
};

/// Always the whole table.
struct SetRouteTable {
  std::uint64_t revision = 0;
  bool operator==(const SetRouteTable&) const = default;
};

using Action =
    std::variant<CreateInterface, DeleteInterface, ConfigureInterface, AddAddress, RemoveAddress,
                 SetUp, ChangePeer, AddKernelRoute, RemoveKernelRoute, SetRouteTable>;

/// In the order of a plan. Tunnel steps never stop SetRouteTable (direct hosts go on working), but
/// nothing is removed from the tunnel before the relay runs the table without it.
enum class Group { Tunnel, RouteTable, TunnelRemoval };

struct Step {
  Group group = Group::Tunnel;
  Action action;
  bool operator==(const Step&) const = default;
};

struct Plan {
  std::vector<Step> steps;

  [[nodiscard]] bool is_empty() const { return steps.empty(); }

  bool operator==(const Plan&) const = default;
};

/// Tunnel before route table when adding, route table before tunnel when removing: no moment at
/// which a route leads into a tunnel that is not there. A prefix that moves between peers leaves
/// the old one first. Only an interface with our key is deleted. One of somebody else's (another
/// key, or peers without any) is planned as if it were not there, and so is what could not be
/// observed: applying then says why. The endpoints of peers are never set: they roam. Same state
/// twice: an empty plan.
Plan diff(const Desired& desired, const Observed& observed);

/// '+', '~' or '-'.
char sign(const Step& step);
/// "peer mQ7Zx1… (site home): allowed ips 10.98.0.10/32, 10.30.0.0/24; keepalive 25s"; no key but
/// public ones.
std::string describe(const Step& step);
/// {"sign": "+", "kind": "add_peer", "what": "…"}
nlohmann::json to_json(const Step& step);

/// The pure model of applying: what is observed after `plan` (for tests and for --dry-run).
Observed simulate(const Plan& plan, const Desired& desired, Observed observed);

}  // namespace adit::plan
