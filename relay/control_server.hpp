// The control socket: accepts controllers, checks who they are, takes whole frames and answers each
// request in its order. What one controller may make us hold is bounded: one frame coming in, the
// answers to what it has sent going out (nothing is read from one that does not read).
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include <sys/types.h>

#include "common/control/frame.hpp"
#include "common/control/messages.hpp"
#include "common/control/table_view.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/poll.hpp"
#include "common/uv/timer.hpp"

namespace adit::relay {

class ControlServer {
 public:
  /// How a request of a controller that has said hello is answered.
  struct Answers {
    std::function<control::Message(const control::Message&)> message;
    /// A Check or a Set, whose table stands in `body`.
    std::function<control::Message(const control::TableRequest&, std::vector<std::uint8_t>&& body)>
        table;
  };

  /// Takes `listening`; only processes of a user in `allowed` may speak. `loop` and what `answers`
  /// use must outlive this object.
  static Result<std::unique_ptr<ControlServer>> create(uv::Loop& loop, UniqueFd listening,
                                                       std::vector<uid_t> allowed, Answers answers);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ControlServer(ControlServer&&) = delete;
  ControlServer& operator=(ControlServer&&) = delete;

 private:
  class Session;

  ControlServer(UniqueFd listening, std::vector<uid_t> allowed, Answers answers);
  void accept();
  void admit(UniqueFd fd);
  void remove(Session& session);
  [[nodiscard]] bool is_allowed(int fd) const;

  UniqueFd listening_;
  std::vector<uid_t> allowed_;
  Answers answers_;
  uv::Loop* loop_ = nullptr;
  uv::Poll poll_;
  std::optional<uv::Timer> resume_;
  std::list<std::unique_ptr<Session>> sessions_;
};

}  // namespace adit::relay
