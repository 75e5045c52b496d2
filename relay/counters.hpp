// A worker's counters: written by its own thread only, read by any. A single writer needs no locked
// instruction: load, add, store.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "relay/close_reason.hpp"

namespace adit::relay {

class Counter {
 public:
  void add(std::uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Counters {
  Counter accepted;
  Counter ended;  ///< active = accepted − ended
  Counter bytes_to_target;
  Counter bytes_to_client;
  Counter spliced_bytes;
  std::array<Counter, kCloseReasonCount> closed;  ///< by CloseReason
};

}  // namespace adit::relay
