#include "relay/admission.hpp"

#include <algorithm>
#include <cassert>
#include <random>

namespace adit::relay {

namespace {

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
  return mix(mix(client.prefix ^ key) + (client.is_v4 ? key : 0));
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

Admission::Key Admission::key_of(const IpAddress& client) {
  constexpr std::size_t kPrefixBytes = 8;  // a /64; an IPv4 address is shorter
  const auto bytes = client.bytes();
  Key key{.prefix = 0, .is_v4 = client.is_v4()};
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

/// From the oldest on: those whose bucket is full, and those over the bound. A bucket fills within
/// a second, so nobody hides long behind an older one that is not due.
void Admission::forget(Shard& shard, TimePoint now) {
  while (shard.oldest_idle != nullptr &&
         (shard.oldest_idle->full_at <= now || shard.idle > kMaxIdleClients / kShards)) {
    Client& oldest = *shard.oldest_idle;
    take_idle(shard, oldest);
    shard.clients.erase(Key(oldest.key));
  }
}

AdmitResult Admission::admit_client(const Key& key, TimePoint now) {
  constexpr auto kBurst = Seconds(1);
  const std::uint32_t rate = std::max(max_rate_.load(std::memory_order_relaxed), 1U);
  const auto token = std::chrono::nanoseconds(kBurst) / rate;
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  // A worker that had to wait for the processor brings an older time than another one has used.
  now = shard.latest = std::max(shard.latest, now);
  forget(shard, now);
  const auto found = shard.clients.find(key);
  if (found == shard.clients.end()) {
    shard.clients.emplace(key, Client{.key = key, .connections = 1, .full_at = now + token});
    return AdmitResult::Admitted;
  }
  Client& client = found->second;
  if (client.connections >= max_per_client_.load(std::memory_order_relaxed)) {
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
  // Counted first and given back on refusal, so that workers together never pass the limit.
  if (active_.fetch_add(1, std::memory_order_relaxed) >=
      max_connections_.load(std::memory_order_relaxed)) {
    active_.fetch_sub(1, std::memory_order_relaxed);
    return AdmitResult::OverGlobal;
  }
  const AdmitResult result = admit_client(key_of(client), now);
  if (result != AdmitResult::Admitted) active_.fetch_sub(1, std::memory_order_relaxed);
  return result;
}

void Admission::adopt(const IpAddress& client) {
  const Key key = key_of(client);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto [found, is_new] = shard.clients.try_emplace(key, Client{.key = key});
  if (!is_new && found->second.connections == 0) take_idle(shard, found->second);
  ++found->second.connections;
}

void Admission::release(const IpAddress& client) {
  const Key key = key_of(client);
  Shard& shard = shard_of(key);
  {
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.clients.find(key);
    const bool was_admitted = found != shard.clients.end() && found->second.connections > 0;
    assert(was_admitted);
    if (!was_admitted) return;
    if (--found->second.connections == 0) push_idle(shard, found->second);
  }
  active_.fetch_sub(1, std::memory_order_relaxed);
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
