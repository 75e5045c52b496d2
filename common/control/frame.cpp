#include "common/control/frame.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"

namespace adit::control {

namespace {

constexpr std::size_t kHeaderBytes = 4;

}  // namespace

std::vector<std::uint8_t> frame(std::span<const std::uint8_t> body) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.bytes(body);
  return out.take();
}

std::optional<std::size_t> FrameReader::length() const {
  return ByteReader(header_).u32();
}

std::span<const std::uint8_t> FrameReader::fill(std::span<const std::uint8_t> bytes) {
  const auto head = bytes.first(std::min(bytes.size(), kHeaderBytes - header_.size()));
  header_.insert(header_.end(), head.begin(), head.end());
  bytes = bytes.subspan(head.size());
  const auto wanted = length();
  if (!wanted || *wanted > limit_) return bytes;
  const auto more = bytes.first(std::min(bytes.size(), *wanted - body_.size()));
  const std::size_t needed = body_.size() + more.size();
  // Never more than twice what came, whatever the length says, nor more than the body needs.
  if (needed > body_.capacity()) body_.reserve(std::min(*wanted, 2 * needed));
  body_.insert(body_.end(), more.begin(), more.end());
  return bytes.subspan(more.size());
}

void FrameReader::feed(std::span<const std::uint8_t> bytes) {
  if (behind_.empty()) bytes = fill(bytes);
  behind_.insert(behind_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<std::vector<std::uint8_t>>> FrameReader::next() {
  const auto wanted = length();
  if (!wanted) return std::nullopt;
  if (*wanted > limit_) {
    return fail(Errc::Protocol, fmt::format("a frame of {} bytes, more than {}", *wanted, limit_));
  }
  if (body_.size() < *wanted) return std::nullopt;
  std::vector<std::uint8_t> taken = std::exchange(body_, {});
  header_.clear();
  const auto behind = std::span<const std::uint8_t>(behind_).subspan(taken_);
  taken_ = behind_.size() - fill(behind).size();
  if (taken_ == behind_.size()) {
    behind_ = {};
    taken_ = 0;
  }
  return taken;
}

}  // namespace adit::control
