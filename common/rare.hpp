// Rare<T>: a T that is nearly always T{}, which then costs one pointer and no allocation. It is a
// value: copied whole, compared by content, never changed in place.
#pragma once

#include <memory>
#include <utility>

namespace adit {

template <class T>
class Rare {
 public:
  Rare() = default;

  /// A `value` that equals T{} is held as nothing.
  Rare(T value) {  // NOLINT(google-explicit-constructor): it stands for the T
    if (!(value == T{})) value_ = std::make_unique<const T>(std::move(value));
  }

  ~Rare() = default;
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare&&) noexcept = default;

  Rare(const Rare& other)
      : value_(other.value_ ? std::make_unique<const T>(*other.value_) : nullptr) {}

  Rare& operator=(const Rare& other) {
    if (this != &other) *this = Rare(other);
    return *this;
  }

  /// Whether it is something else than T{}.
  [[nodiscard]] bool is_set() const { return value_ != nullptr; }

  /// Valid until this object changes.
  [[nodiscard]] const T& operator*() const {
    static const T kNothing{};
    return value_ ? *value_ : kNothing;
  }

  [[nodiscard]] const T* operator->() const { return &**this; }

  bool operator==(const Rare& other) const {
    return value_ == other.value_ || (value_ && other.value_ && *value_ == *other.value_);
  }

 private:
  std::unique_ptr<const T> value_;
};

}  // namespace adit
