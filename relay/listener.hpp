// One listening socket of one worker: accepts what waits, bounded per turn, and hands each client
// to its worker. Pauses when descriptors or memory run out or the socket fails; the worker resumes
// it.
#pragma once

#include <memory>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/poll_set.hpp"

namespace adit::relay {

class Worker;

class Listener {
 public:
  /// Listens on the bound socket `fd`. `worker` must outlive the result.
  static Result<std::unique_ptr<Listener>> create(Worker& worker, control::ListenAddress configured,
                                                  UniqueFd fd);
  ~Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  Listener(Listener&&) = delete;
  Listener& operator=(Listener&&) = delete;

  [[nodiscard]] const control::ListenAddress& configured() const { return configured_; }

  void pause();
  /// Accepts again. A socket that was destroyed from outside (`ss -K`) listens anew; one that its
  /// owner has shut down does not, and fails again.
  void resume();
  /// Lets no new connection into the queue (other copies of the socket included) and takes those
  /// that are in it.
  void accept_the_last();

 private:
  enum class Accepted { One, None, OutOfResources, Failed };

  Listener(Worker& worker, control::ListenAddress configured, UniqueFd fd);
  void watch();
  void accept_some();
  Accepted accept_one();
  void fail_with(int error);

  Worker* worker_;
  control::ListenAddress configured_;
  UniqueFd fd_;
  uv::Watch poll_;
  std::uint64_t last_turn_ = 0;  ///< the one that accepted last, and perhaps left some
  unsigned batch_ = 1;
  bool is_paused_ = true;
  bool is_destroyed_ = false;
};

}  // namespace adit::relay
