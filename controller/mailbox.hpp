// Mailbox: how values come from the workers back into the loop. A worker posts a closure that owns
// its values; the loop runs it. Order is kept.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "common/uv/loop.hpp"
#include "common/uv/timer.hpp"

namespace adit {

class Mailbox {
 public:
  explicit Mailbox(uv::Loop& loop) : async_(loop, [this] { deliver(); }) {}

  /// From any thread, as long as this object lives: `letter` runs soon in the loop's thread.
  void post(std::function<void()> letter) {
    {
      const std::lock_guard lock(mutex_);
      letters_.push_back(std::move(letter));
    }
    async_.send();
  }

 private:
  void deliver() {
    std::vector<std::function<void()>> now;
    {
      const std::lock_guard lock(mutex_);
      now.swap(letters_);
    }
    for (const auto& letter : now) letter();
  }

  std::mutex mutex_;
  std::vector<std::function<void()>> letters_;
  uv::Async async_;
};

}  // namespace adit
