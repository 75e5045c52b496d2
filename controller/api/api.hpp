// The API: every operation under /v1, as one table. Handlers are thin: they read the request, ask
// Services, and turn the answer into a document.
#pragma once

#include <vector>

#include "controller/api/router.hpp"
#include "controller/api/services.hpp"

namespace adit::api {

/// All operations; `services` must outlive the router made of them.
std::vector<Operation> operations(Services& services);

/// The parts of the table, by what they need.
std::vector<Operation> read_operations(Services& services);    ///< answered from the snapshot
std::vector<Operation> change_operations(Services& services);  ///< wait for the local worker
std::vector<Operation> look_operations(Services& services);    ///< wait for the probe thread

}  // namespace adit::api
