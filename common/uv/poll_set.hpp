// PollSet: readiness of many borrowed descriptors by an epoll set in which the loop's own
// descriptor is one of them, so that a turn of its thread waits once for everything. A descriptor
// costs one system call when it is first asked for, and none to leave; no heap. For what comes and
// goes by the thousand.
//
// A Watch is level-triggered for its owner, but for the kernel only when it has to be. It starts
// edge-triggered, for everything, and remembers what it was told; as long as its owner says
// whenever it found nothing more (`used_up`), what the owner waits for may change without a system
// call. From the first time that it does not say so, the kernel is asked again each time:
//
//   Out ──update──▶ Edge ──asks for what was told and not used up──▶ Level
//    ▲               │                                               │
//    └───────────────┴────────────────update(0)──────────────────────┘
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

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

  /// Turns until stop(), with the loop, which has an active handle all the time. The thread's.
  void run();

  /// From the thread of run(), in any callback: this turn is the last.
  void stop() { is_stopped_ = true; }

  /// Tells once what is ready, of watches and of the loop; waits until anything is if `may_wait`.
  void turn(bool may_wait);

  /// Readable when a turn would tell something. Stays the set's.
  [[nodiscard]] int fd() const { return epoll_.get(); }

  /// Counts turns: what comes in two that follow each other comes without a pause.
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

 private:
  friend class Watch;

  /// A place in the kernel's set. What the kernel tells of a generation before is of a watch that
  /// is no more: its descriptor lives on where somebody else holds it too.
  struct Slot {
    Watch* watch = nullptr;
    std::uint32_t generation = 0;
  };

  std::uint32_t take_slot(Watch& watch);
  void free_slot(std::uint32_t slot);
  bool control(int operation, const Watch& watch, std::uint32_t events) const;
  bool tell(const epoll_event& event);

  Loop* loop_;
  UniqueFd epoll_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::array<epoll_event, 256> ready_{};
  std::uint64_t turns_ = 0;
  bool is_stopped_ = false;
};

/// One descriptor in a PollSet. It has a fixed address from open() to its end.
class Watch {
 public:
  Watch() = default;

  /// Its descriptor is closed next, if it is open: what is left in the set goes with it.
  ~Watch();

  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  Watch(Watch&&) = delete;
  Watch& operator=(Watch&&) = delete;

  /// Asks for nothing yet. `fd` stays the caller's and must be closed after close().
  /// `handler` may close or destroy the Watch; see Poll::Handler for what it is told. After each
  /// call somebody must update() the watch, or it may hear no more.
  void open(PollSet& set, int fd, Poll::Handler handler, void* context);

  [[nodiscard]] bool is_open() const { return set_ != nullptr; }

  /// Asks for `events` from now on; 0 asks for nothing, not even for errors, and leaves the set.
  /// After an error nothing is asked for, either.
  /// False where the kernel takes no more descriptors (memory, fs.epoll.max_user_watches): then
  /// what was asked for before still is.
  [[nodiscard]] bool update(int events);

  /// The owner has just found that `events` (UV_READABLE, UV_WRITABLE) are not true any more: a
  /// call said EAGAIN, or recv(2) or send(2) took less than it was to. Saves system calls, no more.
  /// Behind a FIN, and in front of an urgent byte, nothing is ever used up.
  void used_up(int events);

  /// Its FIN is known to be in the queue behind what can be read, and no urgent byte before it: a
  /// read that brings less than it asks for is the last. False says nothing.
  [[nodiscard]] bool has_ended() const {
    return (ready_ & (UV_DISCONNECT | UV_PRIORITIZED)) == UV_DISCONNECT;
  }

  /// Stops at once; no call of the handler follows. For a descriptor that lives on: where it is
  /// closed anyway, the end of the Watch is enough.
  void close();

 private:
  friend class PollSet;

  enum class Mode : std::uint8_t { Out, Edge, Level };

  void tell(std::uint32_t ready);
  void leave();

  PollSet* set_ = nullptr;
  Poll::Handler handler_ = nullptr;
  void* context_ = nullptr;
  int fd_ = -1;
  std::uint32_t slot_ = 0;
  Mode mode_ = Mode::Out;
  std::uint8_t wanted_ = 0;  ///< in libuv's words
  std::uint8_t ready_ = 0;   ///< in Edge: what was told last and is not used up
};

}  // namespace adit::uv
