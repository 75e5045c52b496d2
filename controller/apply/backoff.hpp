// Backoff: when what failed may be tried again. The wait doubles from 0.5 s up to one minute. PURE:
// time enters as a parameter.
#pragma once

#include <algorithm>

#include "common/clock.hpp"

namespace adit::apply {

class Backoff {
 public:
  static constexpr Milliseconds kFirst{500};
  static constexpr Milliseconds kLongest{60'000};

  /// It failed at `now`, or had to be done again.
  void failed(TimePoint now) {
    wait_ = wait_ == Milliseconds{0} ? kFirst : std::min(wait_ * 2, kLongest);
    next_ = now + wait_;
    is_waiting_ = true;
  }

  /// Nothing is to be tried now; what comes next still keeps the wait.
  void settle() { is_waiting_ = false; }

  /// Something is to be tried when it is due.
  void expect() { is_waiting_ = true; }

  /// It worked, or what was in its way has changed: the next try is due at once.
  void reset() { *this = Backoff{}; }

  [[nodiscard]] bool is_due(TimePoint now) const { return now >= next_; }

  [[nodiscard]] bool is_waiting() const { return is_waiting_; }

  /// The earliest moment of the next try; of no meaning unless `is_waiting`.
  [[nodiscard]] TimePoint next() const { return next_; }

 private:
  Milliseconds wait_{0};
  TimePoint next_{};
  bool is_waiting_ = false;
};

}  // namespace adit::apply
