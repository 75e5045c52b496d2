// Short spellings for route tables in tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/control/messages.hpp"

namespace adit::test {

/// A route to 10.30.0.200:443; `pattern` must be valid.
inline control::Route make_route(std::string name, std::string_view pattern,
                                 std::uint16_t port = 443,
                                 std::string_view target = "10.30.0.200:443") {
  return {.name = std::move(name),
          .pattern = HostPattern::parse(pattern).value(),
          .port = port,
          .site = "home",
          .targets = {{Endpoint::parse(target).value(), 1}}};
}

/// A table that is good: it listens on [::].
inline control::Table make_table(std::vector<control::Route> routes, std::uint64_t revision = 1) {
  control::Table table;
  table.revision = revision;
  table.settings.addresses = {IpAddress::parse("::").value()};
  table.routes = std::move(routes);
  return table;
}

}  // namespace adit::test
