// Buffers for clients whose ClientHello is being read: borrowed with the first byte, given back
// once the hello is on its way to the target. HelloBudget bounds them (what is reserved, not what
// is filled), and the clients that have not said hello yet, over all workers: what a stranger can
// make us hold. Besides, each worker keeps up to 256 KiB of spare buffers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/types.h>

#include "relay/client_hello.hpp"
#include "relay/http_head.hpp"
#include "relay/proxy_header_reader.hpp"

namespace adit::relay {

/// Thread-safe.
class HelloBudget {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

  /// At most `count` clients that have not said hello. Live.
  void set_maximum(std::uint32_t count) { maximum_.store(count, std::memory_order_relaxed); }

  bool enter() {
    if (clients_.fetch_add(1, std::memory_order_relaxed) <
        maximum_.load(std::memory_order_relaxed)) {
      return true;
    }
    leave();
    return false;
  }

  /// A client that is there already, also over the maximum.
  void add() { clients_.fetch_add(1, std::memory_order_relaxed); }

  void leave() { clients_.fetch_sub(1, std::memory_order_relaxed); }

  bool take_bytes(std::size_t count) {
    if (bytes_.fetch_add(count, std::memory_order_relaxed) + count <= kMaxBytes) return true;
    give_back_bytes(count);
    return false;
  }

  /// Bytes that are there already, also over the maximum.
  void add_bytes(std::size_t count) { bytes_.fetch_add(count, std::memory_order_relaxed); }

  /// Taken now.
  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  void give_back_bytes(std::size_t count) { bytes_.fetch_sub(count, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> maximum_{4096};
  std::atomic<std::uint32_t> clients_{0};
  std::atomic<std::size_t> bytes_{0};
};

/// The bytes of one client so far, and how far they were parsed: a ClientHello or, where plain HTTP
/// is spoken, a request head.
struct HelloBuffer {
  ClientHelloReader reader;
  HttpHeadReader head_reader;
  ProxyHeaderReader proxy_reader;  ///< of what a load balancer sends first
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> proxy_header;  ///< for the target, before `bytes`; below 1 KiB
  std::size_t sent = 0;                    ///< to the target, of both

  /// The PROXY header, which comes before them, is none of the client's bytes.
  [[nodiscard]] std::size_t client_bytes_sent() const {
    return sent - std::min(sent, proxy_header.size());
  }

  [[nodiscard]] bool is_sent() const { return sent == proxy_header.size() + bytes.size(); }
};

/// sendmsg(2) of what is left of the PROXY header and the client's bytes, so that they leave
/// together; `hello.sent` is the caller's to move.
[[nodiscard]] ssize_t send_held(int fd, const HelloBuffer& hello);

/// One worker's.
class HelloBuffers {
 public:
  explicit HelloBuffers(HelloBudget& budget) : budget_(&budget) {}

  /// An empty buffer; null if the budget of the process does not allow it.
  [[nodiscard]] std::unique_ptr<HelloBuffer> lend();
  /// Adds `bytes` to `buffer`, which then has at most kMaxBufferedBytes; false, and nothing added,
  /// if the budget does not allow it.
  [[nodiscard]] bool append(HelloBuffer& buffer, std::span<const std::uint8_t> bytes);
  void give_back(std::unique_ptr<HelloBuffer> buffer);
  /// A buffer with `bytes`, which another process read.
  [[nodiscard]] std::unique_ptr<HelloBuffer> adopt(std::span<const std::uint8_t> bytes);

 private:
  HelloBudget* budget_;
  std::vector<std::vector<std::uint8_t>> spare_;  ///< empty, of kUsualHello bytes
};

}  // namespace adit::relay
