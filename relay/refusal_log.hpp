// RefusalLog: which of the connections that were turned away get a log line of their own. In each
// minute that is the first one per reason and client network (an IPv4 /24 or an IPv6 /48: what one
// stranger may own); the others are counted, to be told of by reason. One for the process, of fixed
// size: strangers can neither grow it nor make it allow more than kMaxLines lines a minute.
// Time is a parameter. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "relay/close_reason.hpp"

namespace adit::relay {

class RefusalLog {
 public:
  static constexpr std::size_t kMaxLines = 512;

  /// Refusals without a line of their own.
  struct Count {
    CloseReason reason = CloseReason::InternalError;
    std::uint64_t refusals = 0;
    std::uint32_t clients = 0;      ///< networks among them
    bool has_more_clients = false;  ///< than `clients`: the table was full

    bool operator==(const Count&) const = default;
  };

  /// May the line of this refusal be written? A no is counted.
  [[nodiscard]] bool allows(CloseReason reason, const IpAddress& client, TimePoint now);
  /// What was counted since the last call, one for each reason that has any.
  [[nodiscard]] std::vector<Count> take_counts();

 private:
  struct Seen {
    std::uint64_t key = 0;    ///< reason, family and network
    bool is_counted = false;  ///< in Count::clients since the last take_counts
  };

  static std::uint64_t key_of(CloseReason reason, const IpAddress& client);

  std::mutex mutex_;  ///< guards all that follows
  TimePoint minute_ends_;
  std::size_t seen_count_ = 0;
  std::array<Seen, kMaxLines> seen_;  ///< the first `seen_count_`: since the minute began
  std::array<Count, kCloseReasonCount> counts_{};
};

}  // namespace adit::relay
