#include "relay/splice_pipe.hpp"

#include <array>
#include <cassert>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace adit::relay {

namespace {
// Never SPLICE_F_MORE: it corks the socket and delays the tail of every answer by 200 ms.
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
}  // namespace

std::optional<SplicePipe> SplicePipe::create() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return std::nullopt;
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  int capacity = ::fcntl(write_end.get(), F_SETPIPE_SZ, static_cast<int>(kLargePipe));
  // Over the user's budget: what we got without asking may still do, or be a dwarf of 4 or 8 KiB.
  if (capacity < 0) capacity = ::fcntl(write_end.get(), F_GETPIPE_SZ);
  if (capacity < static_cast<int>(kSmallPipe)) return std::nullopt;
  return SplicePipe(std::move(read_end), std::move(write_end), static_cast<std::size_t>(capacity));
}

bool SplicePipe::can_adopt(int read_end, int write_end, std::size_t held) {
  const int capacity = ::fcntl(write_end, F_GETPIPE_SZ);
  return capacity >= static_cast<int>(kSmallPipe) && held <= static_cast<std::size_t>(capacity) &&
         ::fcntl(read_end, F_GETPIPE_SZ) == capacity;
}

SplicePipe SplicePipe::adopt(UniqueFd read_end, UniqueFd write_end, std::size_t held) {
  const int capacity = ::fcntl(write_end.get(), F_GETPIPE_SZ);
  SplicePipe pipe(std::move(read_end), std::move(write_end), static_cast<std::size_t>(capacity));
  pipe.held_ = held;
  return pipe;
}

IoResult SplicePipe::fill_from(int socket, std::size_t most) {
  while (true) {
    const ssize_t count = ::splice(socket, nullptr, write_end_.get(), nullptr, most, kFlags);
    if (count > 0) {
      held_ += static_cast<std::size_t>(count);
      return {IoStatus::Done, static_cast<std::size_t>(count)};
    }
    if (count == 0) return {IoStatus::Eof, 0};
    if (errno == EAGAIN) return {IoStatus::WantRead, 0};
    if (errno != EINTR) return {IoStatus::Failed, 0};
  }
}

IoResult SplicePipe::drain_to(int socket) {
  assert(held_ > 0);
  while (true) {
    const ssize_t count = ::splice(read_end_.get(), nullptr, socket, nullptr, held_, kFlags);
    if (count > 0) {
      held_ -= static_cast<std::size_t>(count);
      return {IoStatus::Done, static_cast<std::size_t>(count)};
    }
    if (count < 0 && errno == EAGAIN) return {IoStatus::WantWrite, 0};
    if (count < 0 && errno == EINTR) continue;
    // 0 would mean that our count is wrong: such a pipe serves nobody any more.
    has_failed_ = true;
    return {IoStatus::Failed, 0};
  }
}

bool SplicePipe::put(std::span<const std::uint8_t> bytes) {
  assert(held_ == 0 && bytes.size() <= capacity_);
  ssize_t count = -1;
  do {
    count = ::write(write_end_.get(), bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  if (count > 0) held_ = static_cast<std::size_t>(count);
  has_failed_ = held_ != bytes.size();
  return !has_failed_;
}

}  // namespace adit::relay
