// One listening socket of one worker: accepts until EAGAIN, bounded per turn, and hands each client
// to its worker. Pauses when descriptors or memory run out; the worker resumes it.
#pragma once

#include <memory>

#include "common/control/messages.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/poll.hpp"

namespace adit::relay {

class Worker;

class Listener {
 public:
  /// Listens on the bound socket `fd`. `worker` must outlive the result.
  static Result<std::unique_ptr<Listener>> create(Worker& worker, uv::Loop& loop,
                                                  control::ListenAddress configured, UniqueFd fd);
  ~Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  Listener(Listener&&) = delete;
  Listener& operator=(Listener&&) = delete;

  [[nodiscard]] const control::ListenAddress& configured() const { return configured_; }

  void pause();
  void resume();
  /// Lets no new connection into the queue (other copies of the socket included) and takes those
  /// that are in it.
  void accept_the_last();

 private:
  enum class Accepted { One, None, OutOfResources };

  Listener(Worker& worker, control::ListenAddress configured, UniqueFd fd);
  void accept_some();
  Accepted accept_one();

  Worker* worker_;
  control::ListenAddress configured_;
  UniqueFd fd_;
  uv::Poll poll_;
};

}  // namespace adit::relay
