// Daemon: the life of adit-controller. One loop (HTTP, signals), one local worker, the threads that
// look at targets; they exchange values. The loop holds the newest snapshot and never waits for a
// worker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/os/unix_socket.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/loop.hpp"
#include "common/uv/poll.hpp"
#include "common/uv/timer.hpp"
#include "controller/api/http_server.hpp"
#include "controller/api/router.hpp"
#include "controller/api/services.hpp"
#include "controller/config/node_config.hpp"
#include "controller/local_worker.hpp"
#include "controller/mailbox.hpp"
#include "controller/probe_worker.hpp"
#include "controller/wireguard/interface_watch.hpp"

namespace adit {

class Daemon final : private api::Services {
 public:
  /// Locks the state folder and opens the control socket; no thread is started yet. Errc::Conflict
  /// if another controller has one of them.
  static Result<std::unique_ptr<Daemon>> create(config::NodeConfig config);
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Daemon(Daemon&&) = delete;
  Daemon& operator=(Daemon&&) = delete;

  /// Serves until SIGTERM or SIGINT: 0. 1 if the state folder cannot be used.
  int run();

 private:
  Daemon(config::NodeConfig config, UniqueFd lock, UniqueFd listener);

  std::shared_ptr<const apply::Snapshot> snapshot() override { return snapshot_; }

  std::int64_t wall_now() override;
  void change(apply::ChangeRequest request, ChangeDone done) override;
  void list_revisions(std::size_t limit, RevisionsDone done) override;
  void probe(api::TargetQuestion question, ProbeDone done) override;
  void fetch_certificate(api::TargetQuestion question, CertificateDone done) override;

  void on_snapshot(std::shared_ptr<const apply::Snapshot> snapshot);
  void on_failed(const Error& error);
  void serve();
  void watch_interface();

  uv::Loop loop_;
  config::NodeConfig config_;
  UniqueFd lock_;
  UniqueFd listener_;
  os::SocketFile socket_file_;  ///< of listener_
  int exit_status_ = 0;
  std::shared_ptr<const apply::Snapshot> snapshot_;
  uv::Signal on_terminate_;
  uv::Signal on_interrupt_;
  uv::Signal on_hangup_;
  uv::Timer watchdog_;
  Mailbox mailbox_;
  std::optional<ProbeWorker> probes_;
  std::optional<LocalWorker> local_;
  std::optional<wireguard::InterfaceWatch> watch_;
  uv::Poll watch_poll_;  ///< of watch_, so it goes first
  uv::Timer look_;       ///< after a change of the interface
  bool is_look_due_ = false;
  api::Router router_;
  std::unique_ptr<api::HttpServer> http_;  ///< last: its answers need everything above
};

}  // namespace adit
