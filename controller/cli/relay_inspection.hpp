// Is the relay blind? What can be seen from outside of all its processes: the libraries they map,
// the files they hold open, their capabilities, and whether any key lies in their memory or in
// their files. Whatever cannot be looked at is reported as unchecked, never as passed.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/check.hpp"
#include "controller/cli/key_search.hpp"
#include "controller/cli/relay_processes.hpp"

namespace adit::cli {

struct InspectionOrder {
  ReportedPids pids;
  std::vector<Needle> keys;   ///< searched for besides the markers of PEM files
  std::size_t key_count = 0;  ///< of how many keys they are
  /// The controller's socket and state folder: where they are is no folder of the relay's alone.
  std::vector<std::string> controllers_places;
};

/// relay_processes, relay_libraries, relay_files, relay_capabilities, relay_memory and
/// relay_contents, in this order.
std::vector<Check> inspect_relay(InspectionOrder order);

}  // namespace adit::cli
