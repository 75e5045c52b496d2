// RouteIndex: which route of a table has a name, and which one serves a pattern on a port. Built
// while the routes of a table are read, when it also tells the ones that stand twice; then looked
// up for good. It keeps places, not keys: those are asked for where they stand. PURE.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/control/table_view.hpp"

namespace adit::relay {

/// Places by hash: open addressing, a power of two of slots, at most four fifths taken (a search
/// for what is not there then looks at a dozen neighbours, which is cheaper than a larger array).
/// One flat array, so that 100 000 keys cost one allocation.
class PlaceMap {
 public:
  explicit PlaceMap(std::size_t count = 0) : slots_(std::bit_ceil(count * 5 / 4 + 1)) {}

  /// The place with `hash` for which `is_it(place)`, if there is one.
  template <class IsIt>
  [[nodiscard]] std::optional<std::size_t> find(std::uint32_t hash, IsIt is_it) const {
    const std::size_t mask = slots_.size() - 1;
    // A free slot ends every search.
    for (std::size_t at = hash & mask; slots_[at].number != 0; at = (at + 1) & mask) {
      const std::size_t place = slots_[at].number - 1;
      if (slots_[at].hash == hash && is_it(place)) return place;
    }
    return std::nullopt;
  }

  /// False: one with an equal key (`is_it`) is there, and stays the only one.
  template <class IsIt>
  bool insert(std::uint32_t hash, std::size_t place, IsIt is_it) {
    if (find(hash, is_it)) return false;
    if (5 * (size_ + 1) > 4 * slots_.size()) grow();
    put({hash, static_cast<std::uint32_t>(place + 1)});
    ++size_;
    return true;
  }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  ///< the place plus one; 0: free
  };

  void put(Slot slot) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = slot.hash & mask;
    while (slots_[at].number != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }

  void grow() {
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
    for (const Slot& slot : before) {
      if (slot.number != 0) put(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

class RouteIndex {
 public:
  /// For about `routes` routes.
  explicit RouteIndex(std::size_t routes = 0) : by_name_(routes), by_pattern_(routes) {}

  /// `key_at(place)` is the key of a route that was inserted. False: an earlier one has the name.
  template <class KeyAt>
  bool insert_name(std::string_view name, std::size_t place, KeyAt key_at) {
    return by_name_.insert(hash_of(name), place,
                           [&](std::size_t other) { return key_at(other).name == name; });
  }

  /// False: an earlier one serves the same on `port`.
  template <class KeyAt>
  bool insert_pattern(control::PublicPort port, std::string_view pattern, std::size_t place,
                      KeyAt key_at) {
    return by_pattern_.insert(hash_of(port, pattern), place, [&](std::size_t other) {
      if (other == place) return false;  // by its other port
      const control::RouteKey key = key_at(other);
      return key.is_on(port) && key.pattern == pattern;
    });
  }

  template <class KeyAt>
  [[nodiscard]] std::optional<std::size_t> find_name(std::string_view name, KeyAt key_at) const {
    return by_name_.find(hash_of(name),
                         [&](std::size_t place) { return key_at(place).name == name; });
  }

  /// The route that serves just this pattern: `wildcard` "*." and `host`, or `host` alone.
  template <class KeyAt>
  [[nodiscard]] std::optional<std::size_t> find_pattern(control::PublicPort port,
                                                        std::string_view wildcard,
                                                        std::string_view host, KeyAt key_at) const {
    const auto is_it = [&](std::size_t place) {
      const control::RouteKey key = key_at(place);
      return key.is_on(port) && key.pattern.size() == wildcard.size() + host.size() &&
             key.pattern.starts_with(wildcard) && key.pattern.ends_with(host);
    };
    return by_pattern_.find(hash_of(port, wildcard, host), is_it);
  }

 private:
  static std::uint32_t folded(std::uint64_t mixed) {
    mixed ^= mixed >> 32;
    return static_cast<std::uint32_t>(mixed * 0xd6e8feb86659fd93ULL >> 32);
  }

  static std::uint32_t hash_of(std::string_view name) {
    return folded(std::hash<std::string_view>{}(name));
  }

  static std::uint32_t hash_of(control::PublicPort port, std::string_view pattern) {
    const bool is_wildcard = pattern.starts_with("*.");
    return hash_of(port, pattern.substr(0, is_wildcard ? 2 : 0),
                   pattern.substr(is_wildcard ? 2 : 0));
  }

  static std::uint32_t hash_of(control::PublicPort port, std::string_view wildcard,
                               std::string_view host) {
    const std::uint64_t place = (std::uint64_t{port.number} << 16) |
                                (static_cast<std::uint64_t>(port.protocol) << 8) | wildcard.size();
    return folded(std::hash<std::string_view>{}(host) ^ (place * 0x9e3779b97f4a7c15ULL));
  }

  PlaceMap by_name_;
  PlaceMap by_pattern_;
};

}  // namespace adit::relay
