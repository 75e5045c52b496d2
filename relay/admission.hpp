// Admission: may this client have one more connection? One object for the whole process, asked by
// every worker at accept; clients are spread over shards by a keyed hash, one mutex each, so the
// limits hold over all workers and never per worker. Time is a parameter.
//
// A client is an IPv4 /32 or an IPv6 /64. Its rate is a token bucket of one second's worth
// (`rate_per_client` tokens), kept as one time stamp (GCRA). What a client costs here is forgotten
// once it has no connection and its bucket is full again; at most kMaxIdleClients wait for that.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "common/net/ip_address.hpp"

namespace adit::relay {

enum class AdmitResult : std::uint8_t { Admitted, OverGlobal, OverClient, OverClientRate };

/// Remembered without a connection, over all shards; the oldest are forgotten first.
inline constexpr std::size_t kMaxIdleClients = 65'536;

class Admission {
 public:
  /// The hash is keyed at random, so that a stranger with many IPv6 networks cannot choose clients
  /// that fall on one shard or bucket.
  explicit Admission(const control::Limits& limits);
  ~Admission() = default;
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// Counts a connection of `client` when the answer is Admitted; a refusal counts and costs
  /// nothing. `now` never goes back by more than workers differ. Any thread.
  [[nodiscard]] AdmitResult admit(const IpAddress& client, TimePoint now);
  /// Ends a connection that was admitted: exactly once for each. Any thread.
  void release(const IpAddress& client);

  /// Counts a connection of `client` that another process admitted, whatever the limits are: one of
  /// those that reserve() announced. Any thread.
  void adopt(const IpAddress& client);

  /// `count` connections will be adopted: they count in the limit of all from now on.
  void reserve(std::uint32_t count) { active_.fetch_add(count, std::memory_order_relaxed); }

  /// So many of those will not come.
  void unreserve(std::uint32_t count) { active_.fetch_sub(count, std::memory_order_relaxed); }

  /// From here on; live connections stay, also when they are more than allowed now. Any thread.
  void set_limits(const control::Limits& limits);
  [[nodiscard]] control::Limits limits() const;

  /// Forgets clients that are due for it. `admit` does so for its own shard; a call every few
  /// seconds keeps a quiet relay small. Any thread.
  void forget_idle(TimePoint now);

  /// Connections admitted or reserved, and not released.
  [[nodiscard]] std::uint32_t active() const { return active_.load(std::memory_order_relaxed); }

  /// Clients remembered now: with connections, or idle and not yet forgotten. Takes every lock.
  [[nodiscard]] std::size_t clients();

 private:
  static constexpr std::size_t kShards = 64;

  /// The first 32 or 64 bits of the address and its family.
  struct Key {
    std::uint64_t prefix = 0;
    bool is_v4 = false;

    bool operator==(const Key&) const = default;
  };

  struct Hash {
    std::uint64_t key;
    std::size_t operator()(const Key& client) const noexcept;
  };

  /// In the shard's map; idle ones form a list, oldest first.
  struct Client {
    Key key;
    std::uint32_t connections = 0;
    TimePoint full_at{};  ///< when its bucket is full again
    Client* older = nullptr;
    Client* newer = nullptr;
  };

  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<Key, Client, Hash> clients;
    Client* oldest_idle = nullptr;
    Client* newest_idle = nullptr;
    std::size_t idle = 0;
    TimePoint latest;  ///< the newest time that any worker brought
  };

  static Key key_of(const IpAddress& client);
  static void push_idle(Shard& shard, Client& client);
  static void take_idle(Shard& shard, Client& client);
  static void forget(Shard& shard, TimePoint now);
  Shard& shard_of(const Key& key);
  AdmitResult admit_client(const Key& key, TimePoint now);

  Hash hash_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint32_t> active_{0};
  std::atomic<std::uint32_t> max_connections_;
  std::atomic<std::uint32_t> max_per_client_;
  std::atomic<std::uint32_t> max_rate_;
};

}  // namespace adit::relay
