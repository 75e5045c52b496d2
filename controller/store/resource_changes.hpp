// What one revision changed against the one before, resource by resource: for the index of the head
// and for the one line that a history shows. PURE.
#pragma once

#include <string>
#include <vector>

#include "controller/config/resources.hpp"

namespace adit::store {

struct ResourceChange {
  char sign = '~';    ///< '+' added, '~' changed, '-' removed
  std::string kind;   ///< "site", "host" or "relay"
  std::string name;   ///< empty for the relay
  std::string owner;  ///< of the resource afterwards; empty if it was removed

  bool operator==(const ResourceChange&) const = default;
};

/// Sites, then hosts, then the relay, each in the order of their names.
std::vector<ResourceChange> changes_between(const config::Resources& before,
                                            const config::Resources& after);

/// "+host app.example.com, ~site home"; at most four are named, the rest counted; "no change".
std::string summary_of(const std::vector<ResourceChange>& changes);

}  // namespace adit::store
