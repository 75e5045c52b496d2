// How a step of a plan is shown: its sign, one line for people, and JSON. No key but public ones
// appears.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/config/units.hpp"
#include "controller/plan/plan.hpp"

namespace adit::plan {

namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string keepalive_text(Seconds keepalive) {
  return keepalive == Seconds(0) ? "off" : config::format_duration(keepalive);
}

std::string describe_peer(const ChangePeer& step) {
  std::string out = "peer " + step.change.public_key.brief();
  if (!step.site.empty()) out += fmt::format(" (site {})", step.site);
  if (step.change.remove) return out;
  std::vector<std::string> parts;
  if (step.change.allowed_ips) {
    parts.push_back(step.change.allowed_ips->empty()
                        ? std::string("no allowed ips")
                        : fmt::format("allowed ips {}", fmt::join(*step.change.allowed_ips, ", ")));
  }
  if (step.change.persistent_keepalive) {
    parts.push_back("keepalive " + keepalive_text(*step.change.persistent_keepalive));
  }
  if (step.change.endpoint) parts.push_back(fmt::format("endpoint {}", *step.change.endpoint));
  return fmt::format("{}: {}", out, fmt::join(parts, "; "));
}

std::string describe_configure(const ConfigureInterface& step) {
  std::vector<std::string> parts;
  if (step.set_private_key) parts.emplace_back("private key of this node");
  if (step.listen_port) parts.push_back(fmt::format("listen port {}", *step.listen_port));
  return fmt::format("interface {}: {}", step.name, fmt::join(parts, "; "));
}

std::string address_text(const wireguard::InterfaceAddress& address) {
  return fmt::format("{}/{}", address.address, address.length);
}

std::string_view kind_of(const Action& action) {
  return std::visit(Overloaded{[](const CreateInterface&) { return "create_interface"; },
                               [](const DeleteInterface&) { return "delete_interface"; },
                               [](const ConfigureInterface&) { return "configure_interface"; },
                               [](const AddAddress&) { return "add_address"; },
                               [](const RemoveAddress&) { return "remove_address"; },
                               [](const SetUp&) { return "set_up"; },
                               [](const ChangePeer& step) {
                                 return step.kind == ChangePeer::Kind::Add      ? "add_peer"
                                        : step.kind == ChangePeer::Kind::Change ? "change_peer"
                                                                                : "remove_peer";
                               },
                               [](const AddKernelRoute&) { return "add_kernel_route"; },
                               [](const RemoveKernelRoute&) { return "remove_kernel_route"; },
                               [](const SetRouteTable&) { return "set_route_table"; }},
                    action);
}

}  // namespace

char sign(const Step& step) {
  const std::string_view kind = kind_of(step.action);
  if (kind.starts_with("create_") || kind.starts_with("add_")) return '+';
  return kind.starts_with("delete_") || kind.starts_with("remove_") ? '-' : '~';
}

std::string describe(const Step& step) {
  return std::visit(
      Overloaded{
          [](const CreateInterface& s) { return fmt::format("interface {}", s.name); },
          [](const DeleteInterface& s) { return fmt::format("interface {}", s.name); },
          [](const ConfigureInterface& s) { return describe_configure(s); },
          [](const AddAddress& s) {
            return fmt::format("address {} on {}", address_text(s.address), s.name);
          },
          [](const RemoveAddress& s) {
            return fmt::format("address {} on {}", address_text(s.address), s.name);
          },
          [](const SetUp& s) { return fmt::format("interface {}: up, mtu {}", s.name, s.mtu); },
          [](const ChangePeer& s) { return describe_peer(s); },
          [](const AddKernelRoute& s) {
            return fmt::format("kernel route {} by {}", s.prefix, s.name);
          },
          [](const RemoveKernelRoute& s) {
            return fmt::format("kernel route {} by {}", s.prefix, s.name);
          },
          [](const SetRouteTable& s) {
            return fmt::format("route table of revision {}", s.revision);
          }},
      step.action);
}

nlohmann::json to_json(const Step& step) {
  return {{"sign", std::string(1, sign(step))},
          {"kind", kind_of(step.action)},
          {"what", describe(step)}};
}

}  // namespace adit::plan
