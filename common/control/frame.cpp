#include "common/control/frame.hpp"

#include <fmt/format.h>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"

namespace adit::control {

std::vector<std::uint8_t> frame(std::span<const std::uint8_t> body) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.bytes(body);
  return out.take();
}

void FrameReader::feed(std::span<const std::uint8_t> bytes) {
  if (start_ > 0 && start_ == pending_.size()) {
    pending_.clear();
    start_ = 0;
  }
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<std::vector<std::uint8_t>>> FrameReader::next() {
  ByteReader in(std::span<const std::uint8_t>(pending_).subspan(start_));
  const auto length = in.u32();
  if (!length) return std::nullopt;
  if (*length > limit_) {
    return fail(Errc::Protocol, fmt::format("a frame of {} bytes, more than {}", *length, limit_));
  }
  const auto body = in.bytes(*length);
  if (!body) return std::nullopt;
  start_ += 4 + *length;
  std::vector<std::uint8_t> taken(body->begin(), body->end());
  if (start_ == pending_.size()) {
    // Give a large buffer back: a table push happens rarely and may be 20 MiB.
    pending_ = {};
    start_ = 0;
  }
  return taken;
}

}  // namespace adit::control
