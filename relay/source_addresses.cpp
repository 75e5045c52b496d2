#include "relay/source_addresses.hpp"

#include <algorithm>
#include <cerrno>

#include "relay/socket_options.hpp"

namespace adit::relay {

namespace {

/// How long nobody asks the kernel again, and about how many addresses and targets that is known.
constexpr Milliseconds kUsedUpTime{100};
constexpr std::size_t kMostUsedUp = 64;

}  // namespace

Result<UniqueFd> SourceAddresses::dial(const Endpoint& target, bool is_spread, FirstWord first_word,
                                       TimePoint now) {
  const std::size_t sources = is_spread ? addresses_.size() + 1 : 1;
  const std::size_t first = sources > 1 ? next_++ : 0;
  for (std::size_t i = 0; i < sources; ++i) {
    const std::size_t source = (first + i) % sources;
    const IpAddress* address = source == 0 ? nullptr : &addresses_[source - 1];
    if (address != nullptr && address->family() != target.address.family()) continue;
    if (is_used_up(target, source, now)) continue;
    auto fd = relay::dial(target, address, first_word);
    if (fd) return fd;
    // The kernel's own choice is always among them, so leaving out an address loses nothing.
    if (fd.error().sys_errno == kNoSuchSource) continue;
    if (fd.error().sys_errno != EADDRNOTAVAIL) return fd;
    note_used_up(target, source, now);
  }
  return fail_sys("connect", EADDRNOTAVAIL);
}

bool SourceAddresses::is_used_up(const Endpoint& target, std::size_t source, TimePoint now) const {
  return std::ranges::any_of(used_up_, [&](const UsedUp& each) {
    return each.until > now && each.source == source && each.target == target;
  });
}

void SourceAddresses::note_used_up(const Endpoint& target, std::size_t source, TimePoint now) {
  std::erase_if(used_up_, [now](const UsedUp& each) { return each.until <= now; });
  if (used_up_.size() < kMostUsedUp) used_up_.push_back({target, source, now + kUsedUpTime});
}

}  // namespace adit::relay
