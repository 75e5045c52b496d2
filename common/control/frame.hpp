// Frames on a stream socket: length u32 (network order) | body. FrameReader gathers bytes as they
// come and hands out whole bodies, uncopied; what it holds is bounded by the limit, and by twice
// what came: a length alone makes it reserve nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/result.hpp"

namespace adit::control {

/// 100 000 routes need about 16 MiB.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{64} << 20;

/// `body` with its length in front, ready to be written.
std::vector<std::uint8_t> frame(std::span<const std::uint8_t> body);

class FrameReader {
 public:
  explicit FrameReader(std::size_t limit = kMaxFrameBytes) : limit_(limit) {}

  /// Takes what was read from the socket.
  void feed(std::span<const std::uint8_t> bytes);
  /// The next whole body, which is the caller's; nullopt if more bytes are needed; Errc::Protocol
  /// if a frame is over the limit (the connection is then of no further use).
  Result<std::optional<std::vector<std::uint8_t>>> next();

  /// Bytes allocated for the body that is being read.
  [[nodiscard]] std::size_t room() const { return body_.capacity(); }

 private:
  /// Moves bytes from the front of `bytes` to the frame that is being read; returns the rest.
  std::span<const std::uint8_t> fill(std::span<const std::uint8_t> bytes);
  /// Of the body that is being read; nothing before its four bytes are there.
  [[nodiscard]] std::optional<std::size_t> length() const;

  std::size_t limit_;
  std::vector<std::uint8_t> header_;  ///< at most four bytes
  std::vector<std::uint8_t> body_;    ///< never more than length()
  std::vector<std::uint8_t> behind_;  ///< what came after a whole body
  std::size_t taken_ = 0;             ///< so much of it is in header_ and body_
};

}  // namespace adit::control
