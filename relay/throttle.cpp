#include "relay/throttle.hpp"

#include <algorithm>

namespace adit::relay {

std::uint64_t Throttle::portion(std::uint64_t rate) {
  constexpr std::uint64_t kBitsPerPortion = 8 * 50;  // 20 ms
  constexpr std::uint64_t kLeast = 2048;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  return std::clamp(rate / kBitsPerPortion, kLeast, kMost);
}

std::uint64_t Throttle::allowed(const LinePair& lines, TimePoint now) {
  is_waiting_ = false;
  std::uint64_t least = kUnlimited;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    Credit& credit = credits_[i];
    if (credit.rate != line.rate) credit = {};  // what was reserved at another rate is forgotten
    if (line.rate == 0) continue;
    if (credit.bytes == 0) {
      const std::uint64_t bytes = portion(line.rate);
      credit = {bytes, line.rate, line.bucket->reserve(bytes, line.rate, now)};
    }
    if (credit.from > now) {
      is_waiting_ = true;
      resume_at_ = std::min(credit.from, now + kLongestWait);
      return 0;
    }
    least = std::min(least, credit.bytes);
  }
  return least;
}

void Throttle::spend(std::uint64_t bytes) {
  for (Credit& credit : credits_) credit.bytes -= std::min(credit.bytes, bytes);
}

void Throttle::give_back(const LinePair& lines) {
  is_waiting_ = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Credit& credit = credits_[i];
    if (credit.bytes != 0 && credit.rate == lines[i].rate) {
      lines[i].bucket->give_back(credit.bytes, credit.rate);
    }
    credit = {};
  }
}

}  // namespace adit::relay
