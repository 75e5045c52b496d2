// One kernel pipe and the count of bytes in it: the way of a connection's bytes from socket to
// socket without passing through user space. The count is exact as long as no operation failed, so
// "empty" is proven, not guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/unique_fd.hpp"

namespace adit::relay {

enum class IoStatus : std::uint8_t { Done, WantRead, WantWrite, Eof, Failed };

struct IoResult {
  IoStatus status = IoStatus::Done;
  std::size_t bytes = 0;  ///< moved, if Done
};

/// The smallest pipe worth having: one full read into a scratch buffer fits in.
inline constexpr std::size_t kSmallPipe = std::size_t{64} << 10;
inline constexpr std::size_t kLargePipe = std::size_t{256} << 10;

class SplicePipe {
 public:
  /// An empty pipe of kLargePipe bytes, or of kSmallPipe where the user's pipe budget
  /// (pipe-user-pages-soft) allows no more; nothing if not even that or no descriptor is to be had.
  static std::optional<SplicePipe> create();
  /// Whether these can be the ends of a pipe of create() in another process with `held` bytes in
  /// it.
  static bool can_adopt(int read_end, int write_end, std::size_t held);
  /// That pipe, can_adopt() having said yes.
  static SplicePipe adopt(UniqueFd read_end, UniqueFd write_end, std::size_t held);

  /// Moves what `socket` has and the pipe takes, at most `most` bytes (> 0). WantRead: the socket
  /// is empty, or the pipe is full (then `held` is not 0).
  IoResult fill_from(int socket, std::size_t most = kLargePipe);
  /// Moves what is held into `socket`. WantWrite: the socket takes nothing now.
  IoResult drain_to(int socket);
  /// Puts `bytes` (≤ capacity()) into the empty pipe; false if it did not take them all.
  bool put(std::span<const std::uint8_t> bytes);

  [[nodiscard]] std::size_t held() const { return held_; }

  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Still owned by this object.
  [[nodiscard]] int read_end() const { return read_end_.get(); }

  [[nodiscard]] int write_end() const { return write_end_.get(); }

  /// True if nothing is in the pipe and nothing ever went wrong with it: it may serve another
  /// connection.
  [[nodiscard]] bool is_proven_empty() const { return held_ == 0 && !has_failed_; }

 private:
  SplicePipe(UniqueFd read_end, UniqueFd write_end, std::size_t capacity)
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)), capacity_(capacity) {}

  UniqueFd read_end_;
  UniqueFd write_end_;
  std::size_t capacity_;
  std::size_t held_ = 0;
  bool has_failed_ = false;
};

}  // namespace adit::relay
