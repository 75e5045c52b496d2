#include "relay/admission.hpp"

#include <algorithm>
#include <cassert>
#include <random>

namespace adit::relay {

namespace {

/// A bucket holds the tokens of so long.
constexpr Seconds kBurst{1};

/// The finaliser of SplitMix64: a bijection, so only the key decides what shares a bucket.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::uint64_t random_key() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) | source();
}

}  // namespace

std::size_t Admission::Hash::operator()(const Key& client) const noexcept {
  const auto route = reinterpret_cast<std::uintptr_t>(client.route);
  return mix(mix(mix(client.prefix ^ key) + (client.is_v4 ? key : 0)) ^ route);
}

Admission::Admission(const control::Limits& limits)
    : hash_{random_key()},
      max_connections_(limits.connections),
      max_per_client_(limits.connections_per_client),
      max_rate_(limits.rate_per_client) {
  for (Shard& shard : shards_) {
    shard.clients = std::unordered_map<Key, Client, Hash>(0, hash_);
  }
}

Admission::Key Admission::key_of(const IpAddress& client, RouteId route) {
  constexpr std::size_t kPrefixBytes = 8;  // a /64; an IPv4 address is shorter
  const auto bytes = client.bytes();
  Key key{.prefix = 0, .route = route, .is_v4 = client.is_v4()};
  for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), kPrefixBytes))) {
    key.prefix = (key.prefix << 8) | byte;
  }
  return key;
}

Admission::Shard& Admission::shard_of(const Key& key) {
  // The map takes the low bits of the same hash.
  return shards_[(hash_(key) >> 32) % kShards];
}

void Admission::push_idle(Shard& shard, Client& client) {
  client.older = shard.newest_idle;
  client.newer = nullptr;
  (client.older != nullptr ? client.older->newer : shard.oldest_idle) = &client;
  shard.newest_idle = &client;
  ++shard.idle;
}

void Admission::take_idle(Shard& shard, Client& client) {
  (client.older != nullptr ? client.older->newer : shard.oldest_idle) = client.newer;
  (client.newer != nullptr ? client.newer->older : shard.newest_idle) = client.older;
  --shard.idle;
}

/// From the oldest on: those whose buckets are full, and those over the bound. Buckets fill within
/// a second or two, so nobody hides long behind an older one that is not due.
void Admission::forget(Shard& shard, TimePoint now) {
  while (shard.oldest_idle != nullptr &&
         (std::max(shard.oldest_idle->full_at, shard.oldest_idle->keep_until) <= now ||
          shard.idle > kMaxIdleClients / kShards)) {
    Client& oldest = *shard.oldest_idle;
    take_idle(shard, oldest);
    shard.clients.erase(Key(oldest.key));
  }
}

AdmitResult Admission::admit_client(const Key& key, const ClientLimits& limits, TimePoint now) {
  const auto token = limits.rate == 0 ? std::chrono::nanoseconds(0)
                                      : std::chrono::nanoseconds(kBurst) / limits.rate;
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  // A worker that had to wait for the processor brings an older time than another one has used.
  now = shard.latest = std::max(shard.latest, now);
  forget(shard, now);
  const auto found = shard.clients.find(key);
  if (found == shard.clients.end()) {
    shard.clients.emplace(
        key,
        Client{
            .key = key, .connections = 1, .full_at = now + token, .keep_until = now, .lines = {}});
    return AdmitResult::Admitted;
  }
  Client& client = found->second;
  if (limits.connections != 0 && client.connections >= limits.connections) {
    return AdmitResult::OverClient;
  }
  const TimePoint full_at = std::max(client.full_at, now) + token;
  if (full_at - now > kBurst) return AdmitResult::OverClientRate;
  if (client.connections == 0) take_idle(shard, client);
  client.full_at = full_at;
  ++client.connections;
  return AdmitResult::Admitted;
}

AdmitResult Admission::admit(const IpAddress& client, TimePoint now) {
  if (admit_unnamed() != AdmitResult::Admitted) return AdmitResult::OverGlobal;
  const AdmitResult result = name(client, now);
  if (result != AdmitResult::Admitted) release_unnamed();
  return result;
}

AdmitResult Admission::admit_unnamed() {
  // Counted first and given back on refusal, so that workers together never pass the limit.
  if (active_.fetch_add(1, std::memory_order_relaxed) >=
      max_connections_.load(std::memory_order_relaxed)) {
    active_.fetch_sub(1, std::memory_order_relaxed);
    return AdmitResult::OverGlobal;
  }
  return AdmitResult::Admitted;
}

AdmitResult Admission::name(const IpAddress& client, TimePoint now) {
  return admit_client(key_of(client),
                      {max_per_client_.load(std::memory_order_relaxed),
                       std::max(max_rate_.load(std::memory_order_relaxed), 1U)},
                      now);
}

void Admission::release_unnamed() {
  active_.fetch_sub(1, std::memory_order_relaxed);
}

/// False, which is a bug, if it has no connection.
bool Admission::release_client(const Key& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.clients.find(key);
  const bool was_admitted = found != shard.clients.end() && found->second.connections > 0;
  assert(was_admitted);
  if (!was_admitted) return false;
  Client& client = found->second;
  if (--client.connections != 0) return true;
  if (client.lines) {
    // Who comes back at once shall not find a line that has rested.
    for (const TokenBucket& way : client.lines->ways) {
      client.keep_until = std::max(client.keep_until, way.free_at() + TokenBucket::kBurst);
    }
  }
  push_idle(shard, client);
  return true;
}

void Admission::adopt(const IpAddress& client, RouteId route) {
  const Key key = key_of(client, route);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto [found, is_new] = shard.clients.try_emplace(key, Client{.key = key, .lines = {}});
  if (!is_new && found->second.connections == 0) take_idle(shard, found->second);
  ++found->second.connections;
}

void Admission::release(const IpAddress& client) {
  if (release_client(key_of(client))) active_.fetch_sub(1, std::memory_order_relaxed);
}

AdmitResult Admission::enter(RouteId route, const IpAddress& client, const ClientLimits& limits,
                             TimePoint now) {
  return admit_client(key_of(client, route), limits, now);
}

void Admission::leave(RouteId route, const IpAddress& client) {
  release_client(key_of(client, route));
}

std::shared_ptr<Lines> Admission::lines_of(RouteId route, const IpAddress& client) {
  const Key key = key_of(client, route);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.clients.find(key);
  assert(found != shard.clients.end());
  if (found == shard.clients.end()) return nullptr;
  if (!found->second.lines) found->second.lines = std::make_shared<Lines>();
  return found->second.lines;
}

void Admission::set_limits(const control::Limits& limits) {
  max_connections_.store(limits.connections, std::memory_order_relaxed);
  max_per_client_.store(limits.connections_per_client, std::memory_order_relaxed);
  max_rate_.store(limits.rate_per_client, std::memory_order_relaxed);
}

control::Limits Admission::limits() const {
  return {max_connections_.load(std::memory_order_relaxed),
          max_per_client_.load(std::memory_order_relaxed),
          max_rate_.load(std::memory_order_relaxed)};
}

void Admission::forget_idle(TimePoint now) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    forget(shard, now);
  }
}

std::size_t Admission::clients() {
  std::size_t sum = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.clients.size();
  }
  return sum;
}

}  // namespace adit::relay
