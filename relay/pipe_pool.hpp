// A worker's spare pipes. A direction borrows one for as long as bytes are in it; only a proven
// empty pipe comes back, any other is destroyed. PipeBudget counts the pipes of the whole process.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "common/clock.hpp"
#include "relay/splice_pipe.hpp"

namespace adit::relay {

/// Two descriptors each; with kLargePipe they are the 64 MiB that a user without privilege may
/// have.
inline constexpr unsigned kMaxPipes = 256;

/// How many pipes exist at once, over all workers. Thread-safe.
class PipeBudget {
 public:
  explicit PipeBudget(unsigned maximum) : maximum_(maximum) {}

  bool take() {
    if (used_.fetch_add(1, std::memory_order_relaxed) < maximum_) return true;
    give_back();
    return false;
  }

  /// Counts a pipe that is there already, also over the maximum.
  void add() { used_.fetch_add(1, std::memory_order_relaxed); }

  void give_back() { used_.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] unsigned maximum() const { return maximum_; }

 private:
  unsigned maximum_;
  std::atomic<unsigned> used_{0};
};

class PipePool {
 public:
  /// Keeps at most `max_spare` pipes that nobody borrows.
  PipePool(PipeBudget& budget, std::size_t max_spare) : budget_(&budget), max_spare_(max_spare) {}

  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;
  PipePool(PipePool&&) = delete;
  PipePool& operator=(PipePool&&) = delete;

  /// An empty pipe; null if the budgets of the process or of the user are used up (the kernel is
  /// then not asked again for a while). Must come back by `give_back`, in whatever state.
  [[nodiscard]] std::unique_ptr<SplicePipe> lend(TimePoint now);
  void give_back(std::unique_ptr<SplicePipe> pipe);
  /// Counts `pipe`, which another process made, as lent.
  [[nodiscard]] std::unique_ptr<SplicePipe> lend_adopted(SplicePipe pipe);

 private:
  PipeBudget* budget_;
  std::size_t max_spare_;
  std::vector<std::unique_ptr<SplicePipe>> spare_;
  TimePoint ask_again_at_;
};

}  // namespace adit::relay
