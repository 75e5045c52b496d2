// HoldBudget: how many clients may wait, over all workers, until the site of their route is up, and
// with how many bytes. Apart from HelloBudget, so that clients of one home that is away never stand
// in the way of those of another. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace adit::relay {

class HoldBudget {
 public:
  static constexpr std::uint32_t kMaxClients = 1024;
  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20;

  /// One client more, which holds `bytes`; false: too many wait, or too much.
  bool enter(std::size_t bytes) {
    const bool is_one_too_many = clients_.fetch_add(1, std::memory_order_relaxed) >= kMaxClients;
    const bool is_too_much = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > kMaxBytes;
    if (!is_one_too_many && !is_too_much) return true;
    leave(bytes);
    return false;
  }

  /// A client that is there already, also over the bounds.
  void add(std::size_t bytes) {
    clients_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }

  /// Once for each `enter` that was true and each `add`, with the same `bytes`.
  void leave(std::size_t bytes) {
    clients_.fetch_sub(1, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> clients_{0};
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace adit::relay
