// PollSet: readiness of many borrowed descriptors by an epoll set of its own, which the loop
// watches by one handle. Like Poll it is level-triggered and knows the same events, but a
// descriptor costs one system call when it is first asked for, one for each change and one to leave
// (a uv_poll: three to make, two for each change, one to leave), and no heap; a turn of the loop
// costs one more. For what comes and goes by the thousand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <sys/epoll.h>

#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/poll.hpp"

namespace adit::uv {

class Watch;

/// It outlives its watches, and the loop outlives it.
class PollSet {
 public:
  /// Ends the process where there is no descriptor for it, as Loop does.
  explicit PollSet(Loop& loop);
  PollSet(const PollSet&) = delete;
  PollSet& operator=(const PollSet&) = delete;
  PollSet(PollSet&&) = delete;
  PollSet& operator=(PollSet&&) = delete;
  ~PollSet() = default;

 private:
  friend class Watch;

  void dispatch();
  /// What was already taken from the kernel for `watch` is not told.
  void forget(const Watch& watch);

  UniqueFd epoll_;  // before poll_: members die in reverse, so the poll closes first
  Poll poll_;
  std::array<epoll_event, 256> ready_{};
  std::size_t next_ = 0;  ///< ready_[next_, count_) are yet to be told
  std::size_t count_ = 0;
};

/// One descriptor in a PollSet. It has a fixed address from open() to close().
class Watch {
 public:
  Watch() = default;

  ~Watch() { close(); }

  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  Watch(Watch&&) = delete;
  Watch& operator=(Watch&&) = delete;

  /// Asks for nothing yet. `fd` stays the caller's and must be closed after close().
  /// `handler` may close or destroy the Watch; see Poll::Handler for what it is told.
  void open(PollSet& set, int fd, Poll::Handler handler, void* context);

  [[nodiscard]] bool is_open() const { return set_ != nullptr; }

  /// Asks for `events` from now on; 0 asks for nothing, not even for errors. False where the kernel
  /// takes no more descriptors (memory, fs.epoll.max_user_watches): then what was asked for before
  /// still is.
  [[nodiscard]] bool update(int events);

  /// Stops at once; no call of the handler follows. The descriptor leaves the set here and not with
  /// its close(2), which does not take it out while somebody else holds the socket: the process
  /// that it was sent to, or whoever reads /proc/PID/fd.
  void close();

 private:
  friend class PollSet;

  void tell(std::uint32_t ready);
  void remove();

  PollSet* set_ = nullptr;
  Poll::Handler handler_ = nullptr;
  void* context_ = nullptr;
  int fd_ = -1;
  std::uint8_t events_ = 0;  ///< what is asked for, in libuv's words; 0: it is not in the set
};

}  // namespace adit::uv
