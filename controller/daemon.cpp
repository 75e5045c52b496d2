#include "controller/daemon.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include <grp.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.hpp"
#include "common/os/files.hpp"
#include "common/os/privileges.hpp"
#include "common/os/sd_notify.hpp"
#include "common/os/unix_socket.hpp"
#include "controller/api/api.hpp"

namespace adit {

namespace {

/// The people who may use the command line.
constexpr const char* kGroup = "adit";
/// SIGTERM ends us within a second, whatever a system call is doing.
constexpr Milliseconds kEndPatience{800};
/// What one `ip` command changes comes as several messages.
constexpr Milliseconds kLookDelay{50};

void give_to_group(const std::string& path) {
  std::vector<char> buffer(16384);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(kGroup, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return;
  }
  if (::chown(path.c_str(), static_cast<uid_t>(-1), entry.gr_gid) != 0) {
    log::warning("{}; continuing", sys_error("give " + path + " to group adit", errno).what);
  }
}

/// As root we need one capability and no other; wireguard-go, which we start, needs it too.
Result<void> drop_privileges() {
  if (::geteuid() == 0) {
    log::warning(
        "adit-controller: started as root; every capability but CAP_NET_ADMIN is dropped, a user "
        "of its own would be better; continuing");
  }
  return os::keep_only({CAP_NET_ADMIN}, /*for_children=*/true);
}

Result<UniqueFd> open_control_socket(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  if (auto made = os::make_directories(folder, 0755); !made) return fail(std::move(made).error());
  auto listener = os::listen_unix(path, 0660);
  if (!listener) return fail(listener.error().within("control socket"));
  give_to_group(path);
  return listener;
}

/// Large blocks (bodies, tables, answers) go back to the system when they are freed: by itself
/// glibc learns from the first of them to keep those that follow.
void return_large_blocks() {
  constexpr int kLargeBytes = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  ::mallopt(M_TRIM_THRESHOLD, kLargeBytes);
  ::mallopt(M_ARENA_MAX, 2);
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::create(config::NodeConfig config) {
  ::signal(SIGPIPE, SIG_IGN);
  return_large_blocks();
  if (auto made = os::make_directories(config.state_dir, 0700); !made) {
    return fail(made.error().within("state folder"));
  }
  auto lock = os::lock_directory(config.state_dir);
  if (!lock) return fail(lock.error().within("state folder"));
  auto listener = open_control_socket(config.control_socket);
  if (!listener) return fail(std::move(listener).error());
  ::umask(0077);
  if (auto dropped = drop_privileges(); !dropped) return fail(std::move(dropped).error());
  return std::unique_ptr<Daemon>(
      new Daemon(std::move(config), std::move(*lock), std::move(*listener)));
}

Daemon::Daemon(config::NodeConfig config, UniqueFd lock, UniqueFd listener)
    : config_(std::move(config)),
      lock_(std::move(lock)),
      listener_(std::move(listener)),
      socket_file_(os::SocketFile::at(config_.control_socket)),
      on_terminate_(loop_, SIGTERM, [this] { loop_.stop(); }),
      on_interrupt_(loop_, SIGINT, [this] { loop_.stop(); }),
      on_hangup_(loop_, SIGHUP,
                 [] {
                   log::info(
                       "adit-controller: SIGHUP: nothing is read anew; a restart reads "
                       "controller.yaml and disturbs no connection");
                 }),
      watchdog_(loop_, [] { os::sd_notify("WATCHDOG=1"); }),
      mailbox_(loop_),
      look_(loop_,
            [this] {
              is_look_due_ = false;
              local_->look_at_tunnel();
            }),
      router_(api::operations(*this)) {}

Daemon::~Daemon() = default;

int Daemon::run() {
  probes_.emplace(mailbox_);
  local_.emplace(config_, mailbox_,
                 LocalWorkerEvents{[this](auto snapshot) { on_snapshot(std::move(snapshot)); },
                                   [this](const Error& error) { on_failed(error); }});
  watch_interface();
  loop_.run();

  os::sd_notify("STOPPING=1");
  look_.stop();
  socket_file_.remove();
  http_.reset();
  probes_.reset();
  if (!local_->stop(kEndPatience)) {
    // Every write of ours is whole or not at all, so this is no worse than a crash.
    log::warning("adit-controller: a system call does not return; ending without it");
    std::_Exit(exit_status_);
  }
  local_.reset();
  return exit_status_;
}

void Daemon::on_snapshot(std::shared_ptr<const apply::Snapshot> snapshot) {
  const bool is_first = snapshot_ == nullptr;
  snapshot_ = std::move(snapshot);
  if (is_first) serve();
}

void Daemon::on_failed(const Error& error) {
  log::error("adit-controller: {}", error.what);
  exit_status_ = 1;
  loop_.stop();
}

/// From the first snapshot on there is an answer to everything.
void Daemon::serve() {
  auto server = api::HttpServer::start(loop_, std::move(listener_), router_);
  if (!server) return on_failed(server.error());
  http_ = std::move(*server);
  if (const auto interval = os::watchdog_interval()) watchdog_.start(*interval, *interval);
  os::sd_notify("READY=1");
  if (wall_now() < kEarliestNow) {
    log::warning("adit-controller: the clock of this machine is years behind; continuing");
  }
  log::info("adit-controller: ready");
}

/// Without it, drift is found by the worker's own looking, within seconds.
void Daemon::watch_interface() {
  const auto warn = [](const Error& error) {
    log::warning("adit-controller: {}; continuing", error.what);
  };
  auto watch = wireguard::InterfaceWatch::open(config_.interface);
  if (!watch) return warn(watch.error());
  watch_.emplace(std::move(*watch));
  const auto on_news = [](void* context, int, int) noexcept {
    auto& self = *static_cast<Daemon*>(context);
    // Not started anew by what follows: a change is often many messages, and others go on.
    if (self.watch_->read_all() && !self.is_look_due_) {
      self.is_look_due_ = true;
      self.look_.start(kLookDelay);
    }
  };
  auto poll = uv::Poll::create(loop_, watch_->fd(), on_news, this);
  if (!poll) return warn(poll.error());
  watch_poll_ = std::move(*poll);
  watch_poll_.update(UV_READABLE);
}

std::int64_t Daemon::wall_now() {
  return adit::wall_now().time_since_epoch().count();
}

void Daemon::change(apply::ChangeRequest request, ChangeDone done) {
  local_->change(std::move(request), std::move(done));
}

void Daemon::list_revisions(std::size_t limit, RevisionsDone done) {
  local_->list_revisions(limit, std::move(done));
}

void Daemon::probe(api::TargetQuestion question, ProbeDone done) {
  probes_->probe(std::move(question), std::move(done));
}

void Daemon::fetch_certificate(api::TargetQuestion question, CertificateDone done) {
  probes_->fetch_certificate(std::move(question), std::move(done));
}

}  // namespace adit
