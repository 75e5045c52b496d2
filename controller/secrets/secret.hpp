// Secret<T>: bytes that must not be seen. Wiped on destruction and when moved from; no formatter,
// no operator<<, no comparison that leaks by timing: whoever needs the bytes says `.reveal()`.
#pragma once

#include <type_traits>

#include <string.h>

namespace adit::secrets {

template <class T>
class Secret {
  static_assert(std::is_trivially_copyable_v<T>, "only plain bytes can be wiped");

 public:
  Secret() = default;

  explicit Secret(const T& value) : value_(value) {}

  ~Secret() { wipe(); }

  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;

  Secret(Secret&& other) noexcept : value_(other.value_) { other.wipe(); }

  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      value_ = other.value_;
      other.wipe();
    }
    return *this;
  }

  /// The bytes; valid as long as this object. For the codec that needs them, and nothing else.
  [[nodiscard]] const T& reveal() const { return value_; }

 private:
  void wipe() noexcept { explicit_bzero(&value_, sizeof value_); }

  T value_{};
};

}  // namespace adit::secrets
