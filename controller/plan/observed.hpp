// What is: as read from the kernel, from WireGuard and from the relay. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controller/wireguard/backend.hpp"

namespace adit::plan {

struct ObservedInterface {
  wireguard::Link link;
  wireguard::Device device;

  bool operator==(const ObservedInterface&) const = default;
};

struct ObservedRelay {
  std::uint64_t revision = 0;      ///< of the live table; 0: none
  std::uint64_t table_digest = 0;  ///< control::digest of the live table; 0: none

  bool operator==(const ObservedRelay&) const = default;
};

struct Observed {
  std::optional<ObservedInterface> interface;  ///< nullopt: there is none
  std::string interface_problem;  ///< why it could not be read (no privilege, foreign link); empty:
                                  ///< it could
  bool has_ipv6 =
      true;  ///< false: switched off here, so that the interface can have no such address
  std::optional<ObservedRelay> relay;  ///< nullopt: the relay does not answer
  std::string relay_problem;

  bool operator==(const Observed&) const = default;
};

}  // namespace adit::plan
