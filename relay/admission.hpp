// Admission: may this client have one more connection? One object for the whole process, asked by
// every worker at accept (behind a load balancer: once it said who the client is); clients are
// spread over shards by a keyed hash, one mutex each, so the limits hold over all workers and never
// per worker. Time is a parameter.
//
// A client is an IPv4 /32 or an IPv6 /64. Its rate is a token bucket of one second's worth
// (`rate_per_client` tokens), kept as one time stamp (GCRA). What a client costs here is forgotten
// once it has no connection and its bucket is full again; at most kMaxIdleClients wait for that.
//
// A route with limits per client has its own entry for each of its clients in the same table: it
// costs what any client costs, however many routes there are.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "common/clock.hpp"
#include "common/control/messages.hpp"
#include "common/net/ip_address.hpp"
#include "relay/token_bucket.hpp"

namespace adit::relay {

enum class AdmitResult : std::uint8_t { Admitted, OverGlobal, OverClient, OverClientRate };

/// Remembered without a connection, over all shards; the oldest are forgotten first.
inline constexpr std::size_t kMaxIdleClients = 65'536;

/// Of one client of a route; 0 is no limit.
struct ClientLimits {
  std::uint32_t connections = 0;
  std::uint32_t rate = 0;  ///< new connections per second
};

class Admission {
 public:
  /// Which route; anything that stays the same while one of its connections lives.
  using RouteId = const void*;

  /// The hash is keyed at random, so that a stranger with many IPv6 networks cannot choose clients
  /// that fall on one shard or bucket.
  explicit Admission(const control::Limits& limits);
  ~Admission() = default;
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// Counts a connection of `client` when the answer is Admitted; a refusal counts and costs
  /// nothing. `now` never goes back by more than workers differ. Any thread.
  [[nodiscard]] AdmitResult admit(const IpAddress& client, TimePoint now);
  /// Counts a connection whose client is not known yet: over all, for no client. Admitted or
  /// OverGlobal. Any thread.
  [[nodiscard]] AdmitResult admit_unnamed();
  /// Counts a connection of admit_unnamed for `client` too when the answer is Admitted; otherwise
  /// it stays unnamed. Any thread.
  [[nodiscard]] AdmitResult name(const IpAddress& client, TimePoint now);
  /// Ends a connection of admit_unnamed that was not named: exactly once for each. Any thread.
  void release_unnamed();
  /// Ends a connection that was admitted or named: exactly once for each. Any thread.
  void release(const IpAddress& client);

  /// One more connection of `client` to `route`: Admitted, OverClient or OverClientRate. Any
  /// thread.
  [[nodiscard]] AdmitResult enter(RouteId route, const IpAddress& client,
                                  const ClientLimits& limits, TimePoint now);
  /// Ends a connection that was let in by enter(): exactly once for each. Any thread.
  void leave(RouteId route, const IpAddress& client);
  /// The lines that all connections of `client` to `route` share; only for who has entered and has
  /// not left. Any thread.
  [[nodiscard]] std::shared_ptr<Lines> lines_of(RouteId route, const IpAddress& client);

  /// Counts a connection of `client` that another process admitted, whatever the limits are: one of
  /// those that reserve() announced. With a `route`: which had entered that route there. Any
  /// thread.
  void adopt(const IpAddress& client, RouteId route = nullptr);

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

  /// The first 32 or 64 bits of the address and its family; the route, or null for all of them.
  struct Key {
    std::uint64_t prefix = 0;
    RouteId route = nullptr;
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
    TimePoint full_at{};           ///< when its bucket is full again
    TimePoint keep_until{};        ///< when its lines have rested
    std::shared_ptr<Lines> lines;  ///< null until somebody asks for them
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

  static Key key_of(const IpAddress& client, RouteId route = nullptr);
  static void push_idle(Shard& shard, Client& client);
  static void take_idle(Shard& shard, Client& client);
  static void forget(Shard& shard, TimePoint now);
  Shard& shard_of(const Key& key);
  AdmitResult admit_client(const Key& key, const ClientLimits& limits, TimePoint now);
  bool release_client(const Key& key);

  Hash hash_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint32_t> active_{0};
  std::atomic<std::uint32_t> max_connections_;
  std::atomic<std::uint32_t> max_per_client_;
  std::atomic<std::uint32_t> max_rate_;
};

}  // namespace adit::relay
