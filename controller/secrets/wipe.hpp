// WipeAtExit: overwrites a buffer that held a secret when the scope ends, on every way out. A
// buffer that grows leaves a copy of itself behind where it was: reserve() what it needs first.
#pragma once

#include <string.h>

namespace adit::secrets {

/// Zeroes the content (not the unused capacity) of a contiguous container.
template <class Container>
void wipe(Container& container) noexcept {
  if (!container.empty()) {
    explicit_bzero(container.data(), container.size() * sizeof(*container.data()));
  }
}

template <class Container>
class WipeAtExit {
 public:
  /// `container` must outlive this object.
  explicit WipeAtExit(Container& container) : container_(container) {}

  ~WipeAtExit() { wipe(container_); }

  WipeAtExit(const WipeAtExit&) = delete;
  WipeAtExit& operator=(const WipeAtExit&) = delete;

 private:
  Container& container_;
};

}  // namespace adit::secrets
