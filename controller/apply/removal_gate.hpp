// RemovalGate: when parts of the tunnel may be taken away. Connections of routes that left the
// table, or that now go elsewhere, live on for their `drain`, and need the tunnel as long. PURE:
// time enters as a parameter.
#pragma once

#include "common/clock.hpp"
#include "common/control/messages.hpp"

namespace adit::apply {

class RemovalGate {
 public:
  /// `after` is to replace `before`: the gate is shut until `table_is_live` and the longest drain
  /// of the routes that left or changed their targets.
  void replace(const control::Table& before, const control::Table& after);

  /// The relay runs the wanted table.
  void table_is_live(TimePoint now);

  [[nodiscard]] bool is_open(TimePoint now) const {
    return pending_ == Milliseconds{0} && now >= opens_;
  }

  /// When it opens, once the table is live.
  [[nodiscard]] TimePoint opens() const { return opens_; }

 private:
  Milliseconds pending_{0};  ///< begins when the table is live
  TimePoint opens_{};
};

}  // namespace adit::apply
