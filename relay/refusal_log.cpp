#include "relay/refusal_log.hpp"

#include <algorithm>
#include <span>

namespace adit::relay {

namespace {
constexpr Seconds kMinute{60};
}  // namespace

std::uint64_t RefusalLog::key_of(CloseReason reason, const IpAddress& client) {
  std::uint64_t network = 0;
  for (const std::uint8_t byte : client.bytes().first(client.is_v4() ? 3 : 6)) {
    network = network << 8 | byte;
  }
  const std::uint64_t family = client.is_v4() ? 1 : 0;
  return static_cast<std::uint64_t>(reason) << 49 | family << 48 | network;
}

bool RefusalLog::allows(CloseReason reason, const IpAddress& client, TimePoint now) {
  const std::uint64_t key = key_of(reason, client);
  const std::lock_guard lock(mutex_);
  if (now >= minute_ends_) {
    minute_ends_ = now + kMinute;
    seen_count_ = 0;
  }
  const std::span<Seen> seen = std::span(seen_).first(seen_count_);
  const auto found = std::ranges::find(seen, key, &Seen::key);
  if (found == seen.end() && seen_count_ < seen_.size()) {
    seen_[seen_count_++] = {key, false};
    return true;
  }
  Count& count = counts_[static_cast<std::size_t>(reason)];
  ++count.refusals;
  if (found == seen.end()) {
    count.has_more_clients = true;
  } else if (!found->is_counted) {
    found->is_counted = true;
    ++count.clients;
  }
  return false;
}

std::vector<RefusalLog::Count> RefusalLog::take_counts() {
  const std::lock_guard lock(mutex_);
  std::vector<Count> taken;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    Count& count = counts_[i];
    count.reason = static_cast<CloseReason>(i);
    if (count.refusals > 0) taken.push_back(count);
    count = {};
  }
  for (Seen& each : seen_) each.is_counted = false;
  return taken;
}

}  // namespace adit::relay
