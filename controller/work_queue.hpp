// WorkQueue: what the loop hands to a worker's thread. Bounded, so that nobody can make us hold
// more than that many requests.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

#include "common/clock.hpp"

namespace adit {

template <class T>
class WorkQueue {
 public:
  explicit WorkQueue(std::size_t limit) : limit_(limit) {}

  /// False: it is full, and `item` was not taken.
  [[nodiscard]] bool push(T& item) {
    {
      const std::lock_guard lock(mutex_);
      if (items_.size() >= limit_) return false;
      items_.push_back(std::move(item));
    }
    ready_.notify_one();
    return true;
  }

  /// The oldest item; nothing once `deadline` has passed or a stop was requested.
  std::optional<T> pop(const std::stop_token& stop, TimePoint deadline) {
    std::unique_lock lock(mutex_);
    ready_.wait_until(lock, stop, deadline, [this] { return !items_.empty(); });
    if (items_.empty() || stop.stop_requested()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<T> items_;
  std::size_t limit_;
};

}  // namespace adit
