#include "relay/prefix_set.hpp"

#include <algorithm>
#include <limits>

namespace adit::relay {

namespace {
constexpr std::uint8_t kNoPrefix = 0xff;
constexpr std::uint64_t kAllOnes = std::numeric_limits<std::uint64_t>::max();
}  // namespace

template <class Number>
struct PrefixSet::Network {
  Number begin;
  std::uint8_t length;

  auto operator<=>(const Network&) const = default;
};

/// Goes once over the networks in order, outer ones first, with those around the current place on a
/// stack.
template <class Number>
class PrefixSet::Builder {
 public:
  void add(const Network<Number>& network) {
    while (!open_.empty() && open_.back().last < network.begin) close_innermost();
    open_.push_back({last_of(network.begin, network.length), network.length});
    mark(network.begin, network.length);
  }

  Ranges<Number> finish() {
    while (!open_.empty()) close_innermost();
    ranges_.begins.shrink_to_fit();
    ranges_.lengths.shrink_to_fit();
    return std::move(ranges_);
  }

 private:
  struct Open {
    Number last;
    std::uint8_t length;
  };

  void close_innermost() {
    const auto next = behind(open_.back().last);
    open_.pop_back();
    if (next) mark(*next, open_.empty() ? kNoPrefix : open_.back().length);
  }

  /// From `begin` on the innermost prefix has `length`.
  void mark(const Number& begin, std::uint8_t length) {
    if (!ranges_.begins.empty() && ranges_.begins.back() == begin) {
      ranges_.lengths.back() = length;
    } else if (ranges_.lengths.empty() || ranges_.lengths.back() != length) {
      ranges_.begins.push_back(begin);
      ranges_.lengths.push_back(length);
    }
  }

  Ranges<Number> ranges_;
  std::vector<Open> open_;
};

std::uint32_t PrefixSet::narrow(const IpAddress& address) {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : address.bytes()) number = (number << 8) | byte;
  return number;
}

PrefixSet::Wide PrefixSet::wide(const IpAddress& address) {
  const auto bytes = address.bytes();
  Wide number;
  for (const std::uint8_t byte : bytes.first(8)) number.high = (number.high << 8) | byte;
  for (const std::uint8_t byte : bytes.subspan(8)) number.low = (number.low << 8) | byte;
  return number;
}

std::uint32_t PrefixSet::last_of(std::uint32_t begin, unsigned length) {
  return length == 32 ? begin : begin | (std::numeric_limits<std::uint32_t>::max() >> length);
}

PrefixSet::Wide PrefixSet::last_of(const Wide& begin, unsigned length) {
  if (length < 64) return {begin.high | (kAllOnes >> length), kAllOnes};
  return {begin.high, length == 128 ? begin.low : begin.low | (kAllOnes >> (length - 64))};
}

std::optional<std::uint32_t> PrefixSet::behind(std::uint32_t number) {
  if (number == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return number + 1;
}

std::optional<PrefixSet::Wide> PrefixSet::behind(const Wide& number) {
  if (number.low != kAllOnes) return Wide{number.high, number.low + 1};
  if (number.high == kAllOnes) return std::nullopt;
  return Wide{number.high + 1, 0};
}

template <class Number>
PrefixSet::Ranges<Number> PrefixSet::build(std::vector<Network<Number>> networks) {
  std::ranges::sort(networks);
  Builder<Number> builder;
  for (const auto& network : networks) builder.add(network);
  return builder.finish();
}

PrefixSet::PrefixSet(std::span<const IpPrefix> prefixes) {
  std::vector<Network<std::uint32_t>> v4;
  std::vector<Network<Wide>> v6;
  for (const IpPrefix& prefix : prefixes) {
    const auto length = static_cast<std::uint8_t>(prefix.length());
    if (prefix.address().is_v4()) {
      v4.push_back({narrow(prefix.address()), length});
    } else {
      v6.push_back({wide(prefix.address()), length});
    }
  }
  v4_ = build(std::move(v4));
  v6_ = build(std::move(v6));
}

template <class Number>
std::optional<unsigned> PrefixSet::find(const Ranges<Number>& ranges, const Number& number) {
  const auto after = std::ranges::upper_bound(ranges.begins, number);
  if (after == ranges.begins.begin()) return std::nullopt;
  const auto place = static_cast<std::size_t>(after - ranges.begins.begin()) - 1;
  const std::uint8_t length = ranges.lengths[place];
  return length == kNoPrefix ? std::nullopt : std::optional<unsigned>(length);
}

std::optional<unsigned> PrefixSet::longest(const IpAddress& address) const {
  return address.is_v4() ? find(v4_, narrow(address)) : find(v6_, wide(address));
}

std::size_t PrefixSet::memory_bytes() const {
  const auto of = [](const auto& vector) { return vector.capacity() * sizeof vector.front(); };
  return of(v4_.begins) + of(v4_.lengths) + of(v6_.begins) + of(v6_.lengths);
}

}  // namespace adit::relay
