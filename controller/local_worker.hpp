// LocalWorker: the one thread for everything local: the store (nobody else opens SQLite),
// WireGuard, the relay. It takes requests from a queue, answers through the mailbox, reconciles by
// itself when something is due, and publishes a snapshot after everything that a reader could see.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "controller/apply/requests.hpp"
#include "controller/apply/snapshot.hpp"
#include "controller/config/node_config.hpp"
#include "controller/mailbox.hpp"
#include "controller/work_queue.hpp"

namespace adit {

/// What the worker tells the loop by itself; all of it is called in the loop's thread.
struct LocalWorkerEvents {
  std::function<void(std::shared_ptr<const apply::Snapshot>)> on_snapshot;
  /// The state folder cannot be used: nothing can work.
  std::function<void(Error)> on_failed;
};

class LocalWorker {
 public:
  using ChangeDone = std::function<void(apply::Answer<apply::ChangeResult>)>;
  using RevisionsDone = std::function<void(Result<std::vector<store::RevisionInfo>>)>;

  /// Starts the thread: it opens what is in the state folder, then publishes the first snapshot.
  /// `mailbox` must outlive this object.
  LocalWorker(config::NodeConfig config, Mailbox& mailbox, LocalWorkerEvents events);
  /// Ends every wait at once and joins.
  ~LocalWorker();
  LocalWorker(const LocalWorker&) = delete;
  LocalWorker& operator=(const LocalWorker&) = delete;
  LocalWorker(LocalWorker&&) = delete;
  LocalWorker& operator=(LocalWorker&&) = delete;

  /// `done` is called in the loop's thread, after the snapshot with the change was published there.
  void change(apply::ChangeRequest request, ChangeDone done);
  void list_revisions(std::size_t limit, RevisionsDone done);
  /// Somebody has changed the interface: the tunnel is looked at as soon as the thread is free.
  void look_at_tunnel();

  /// Asks the thread to end. True once it has; false if it has not within `patience`.
  bool stop(Milliseconds patience);

 private:
  struct Change {
    apply::ChangeRequest request;
    ChangeDone done;
  };

  struct ListRevisions {
    std::size_t limit = 0;
    RevisionsDone done;
  };

  struct LookAtTunnel {};

  using Job = std::variant<Change, ListRevisions, LookAtTunnel>;
  class Run;

  config::NodeConfig config_;
  Mailbox& mailbox_;
  LocalWorkerEvents events_;
  WorkQueue<Job> queue_;
  std::promise<void> ended_;
  std::future<void> end_;
  std::jthread thread_;  ///< last: it uses everything above
};

}  // namespace adit
