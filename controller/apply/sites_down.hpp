// Which sites the relay is to hold new clients for. PURE.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/plan/desired.hpp"
#include "controller/plan/observed.hpp"

namespace adit::apply {

/// The sites that cannot be reached at `wall` (seconds since 1970), sorted: those whose latest
/// handshake is too old or that have no peer yet. A site without a persistent keepalive is never
/// among them: its handshakes also get old when nobody has anything to say.
[[nodiscard]] std::vector<std::string> sites_down(const plan::Desired& desired,
                                                  const plan::Observed& observed,
                                                  std::int64_t wall);

}  // namespace adit::apply
