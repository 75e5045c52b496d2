// One data process as its supervisor sees it, and how it is started.
#pragma once

#include <optional>
#include <set>

#include <sys/types.h>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "relay/options.hpp"
#include "relay/supervisor_link.hpp"

namespace adit::relay {

/// A data process that ends with this status cannot work here at all; the supervisor ends too.
inline constexpr int kExitCannotServe = 3;

/// What a data process has to become ready, to freeze, or to end once it was told to.
inline constexpr Milliseconds kProcessPatience{10'000};

struct DataProcess {
  pid_t pid = -1;
  UniqueFd link;                               ///< closed: it has been told to end
  bool is_ready = false;                       ///< has begun to serve
  std::optional<TimePoint> kill_at;            ///< not ready, or not gone, until then: SIGKILL
  std::set<control::ListenAddress> listeners;  ///< asked for by it

  /// SIGKILL; nothing that it still has to say is heard.
  void kill();
  /// SIGTERM, and SIGKILL if that does not help.
  void end();
  /// Sends `type`, with `fd` (borrowed) if it is not -1. If the process does not even take this
  /// message, its end is noticed as any other end.
  void tell(LinkType type, int fd = -1) const;
};

/// Starts a data process of this very program; it inherits `control` and the far end of its link.
/// Its patience begins now.
Result<DataProcess> start_data_process(const Options& options, int control);

}  // namespace adit::relay
