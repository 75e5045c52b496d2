// The control socket: accepts controllers, checks who they are, takes whole frames and answers each
// request in its order. What one controller may make us hold is bounded: one frame coming in, the
// answers to what it has sent going out (nothing is read from one that does not read).
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <sys/types.h>

#include "common/control/frame.hpp"
#include "common/control/messages.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/poll.hpp"
#include "common/uv/timer.hpp"

namespace adit::relay {

class ControlServer {
 public:
  /// Answers one request of a controller that has said hello; may take what is in it. The bytes are
  /// those that it was decoded from, borrowed for the call.
  using Answer =
      std::function<control::Message(control::Message&&, std::span<const std::uint8_t> body)>;

  /// Takes `listening`; only processes of a user in `allowed` may speak. `loop` and what `answer`
  /// uses must outlive this object.
  static Result<std::unique_ptr<ControlServer>> create(uv::Loop& loop, UniqueFd listening,
                                                       std::vector<uid_t> allowed, Answer answer);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ControlServer(ControlServer&&) = delete;
  ControlServer& operator=(ControlServer&&) = delete;

 private:
  class Session;

  ControlServer(UniqueFd listening, std::vector<uid_t> allowed, Answer answer);
  void accept();
  void admit(UniqueFd fd);
  void remove(Session& session);
  [[nodiscard]] bool is_allowed(int fd) const;

  UniqueFd listening_;
  std::vector<uid_t> allowed_;
  Answer answer_;
  uv::Loop* loop_ = nullptr;
  uv::Poll poll_;
  std::optional<uv::Timer> resume_;
  std::list<std::unique_ptr<Session>> sessions_;
};

}  // namespace adit::relay
