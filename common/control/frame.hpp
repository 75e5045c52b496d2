// Frames on a stream socket: length u32 (network order) | body. FrameReader gathers bytes as they
// come and hands out whole bodies; what it holds is bounded by the limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/result.hpp"

namespace adit::control {

/// 100 000 routes need about 20 MiB.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{64} << 20;

/// `body` with its length in front, ready to be written.
std::vector<std::uint8_t> frame(std::span<const std::uint8_t> body);

class FrameReader {
 public:
  explicit FrameReader(std::size_t limit = kMaxFrameBytes) : limit_(limit) {}

  /// Takes what was read from the socket.
  void feed(std::span<const std::uint8_t> bytes);
  /// The next whole body; nullopt if more bytes are needed; Errc::Protocol if a frame is over the
  /// limit (the connection is then of no further use).
  Result<std::optional<std::vector<std::uint8_t>>> next();

 private:
  std::size_t limit_;
  std::vector<std::uint8_t> pending_;
  std::size_t start_ = 0;  ///< of the first byte not handed out
};

}  // namespace adit::control
