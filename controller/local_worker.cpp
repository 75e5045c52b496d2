#include "controller/local_worker.hpp"

#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>

#include "common/log.hpp"
#include "controller/apply/change_flow.hpp"
#include "controller/apply/endpoint_memory.hpp"
#include "controller/apply/reconciler.hpp"
#include "controller/apply/relay_link.hpp"

namespace adit {

namespace {

constexpr std::size_t kMaxQueued = 256;
constexpr Seconds kStoreRetry{10};

apply::Now read_clocks() {
  return {SteadyClock::now(), wall_now().time_since_epoch().count()};
}

apply::TunnelAccess tunnel_of(const config::NodeConfig& config) {
  return apply::TunnelAccess(
      [directory = config.uapi_dir, program = config.wireguard_go,
       memory = config.state_dir + "/endpoints"]() -> Result<std::unique_ptr<wireguard::Backend>> {
        auto backend = wireguard::open_backend(directory, program);
        if (!backend) return backend;
        return std::make_unique<apply::EndpointMemory>(std::move(*backend), memory);
      },
      {[](const std::string& interface) { return ::if_nametoindex(interface.c_str()) != 0; },
       apply::has_ipv6});
}

}  // namespace

/// What lives only in the worker's thread.
class LocalWorker::Run {
 public:
  Run(LocalWorker& worker, apply::NodeState node, std::unique_ptr<store::Store> store,
      const std::stop_token& stop)
      : worker_(worker),
        stop_(stop),
        node_(std::make_shared<apply::NodeContext>(std::move(node.context))),
        private_key_(std::move(node.private_key)),
        store_(std::move(store)),
        relay_(node_->config.relay_socket, stop),
        reconciler_(tunnel_of(node_->config), relay_, private_key_, node_->config.interface, stop),
        flow_(*store_, relay_, reconciler_, node_,
              [interface = node_->config.interface] { return apply::own_networks(interface); }) {}

  Result<void> load() {
    auto loaded = flow_.load();
    if (const auto problem = store_->problem(); !problem.empty()) {
      log::error("store: {}; continuing", problem);
    }
    if (loaded) publish();
    return loaded;
  }

  void work() {
    while (!stop_.stop_requested()) {
      const bool has_news = reconciler_.tick(read_clocks());
      const bool is_store_new = look_at_store();
      write_notes();
      if (has_news || is_store_new) publish();
      if (auto job = worker_.queue_.pop(stop_, reconciler_.next_due())) {
        std::visit([this](auto& one) { handle(one); }, *job);
      }
    }
  }

 private:
  void handle(Change& change) {
    auto answer = flow_.change(change.request, read_clocks());
    write_notes();
    if (answer && answer->revision != answer->previous_revision) {
      log::info("revision committed revision={} owner={} uid={} changes={}", answer->revision,
                change.request.owner, change.request.uid, answer->changes.size());
    }
    publish();
    worker_.mailbox_.post([done = std::move(change.done), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    });
  }

  void handle(ListRevisions& list) {
    worker_.mailbox_.post(
        [done = std::move(list.done), revisions = flow_.revisions(list.limit)]() mutable {
          done(std::move(revisions));
        });
  }

  void handle(const LookAtTunnel&) { reconciler_.look_at_tunnel(); }

  /// A disk that could not be written may have been mended. True if there is news.
  bool look_at_store() {
    if (store_->problem().empty() || SteadyClock::now() < store_due_) return false;
    store_due_ = SteadyClock::now() + kStoreRetry;
    const bool has_news = store_->try_again();
    if (has_news && store_->problem().empty()) log::info("store: can be written again");
    return has_news;
  }

  void write_notes() {
    for (const apply::Note& note : reconciler_.take_notes()) log::write(note.level, note.text);
  }

  void publish() {
    auto snapshot = std::make_shared<apply::Snapshot>();
    snapshot->node = node_;
    snapshot->state = flow_.state();
    snapshot->relay = reconciler_.relay_stats();
    snapshot->health = reconciler_.health();
    snapshot->relay_problem = reconciler_.observed().relay_problem;
    snapshot->interface = reconciler_.observed().interface;
    snapshot->interface_problem = reconciler_.observed().interface_problem;
    snapshot->implementation = reconciler_.implementation();
    snapshot->open_steps = reconciler_.open_steps();
    snapshot->store_problem = store_->problem();
    snapshot->own_networks = apply::own_networks(node_->config.interface);
    worker_.mailbox_.post([&events = worker_.events_, snapshot = std::move(snapshot)] {
      events.on_snapshot(snapshot);
    });
  }

  LocalWorker& worker_;
  std::stop_token stop_;
  std::shared_ptr<const apply::NodeContext> node_;
  wireguard::PrivateKey private_key_;
  std::unique_ptr<store::Store> store_;
  TimePoint store_due_{};
  apply::SocketRelayLink relay_;
  apply::Reconciler reconciler_;
  apply::ChangeFlow flow_;
};

LocalWorker::LocalWorker(config::NodeConfig config, Mailbox& mailbox, LocalWorkerEvents events)
    : config_(std::move(config)),
      mailbox_(mailbox),
      events_(std::move(events)),
      queue_(kMaxQueued),
      end_(ended_.get_future()) {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    const auto fail_with = [this](const Error& error) {
      mailbox_.post([this, error] { events_.on_failed(error); });
    };
    [&] {
      auto node = apply::load_node(config_);
      if (!node) return fail_with(node.error());
      auto store = store::open_store(config_.state_dir,
                                     std::filesystem::path(config_.control_socket).parent_path());
      if (!store) return fail_with(store.error());
      if (auto leased = (*store)->lease(); !leased) return fail_with(leased.error());
      Run run(*this, std::move(*node), std::move(*store), stop);
      if (auto loaded = run.load(); !loaded) return fail_with(loaded.error());
      run.work();
    }();
    ended_.set_value();
  });
}

LocalWorker::~LocalWorker() = default;

void LocalWorker::change(apply::ChangeRequest request, ChangeDone done) {
  Job job = Change{std::move(request), std::move(done)};
  if (queue_.push(job)) return;
  std::get<Change>(job).done(
      apply::refuse(Errc::Unavailable, "too many changes are waiting; try again later"));
}

void LocalWorker::list_revisions(std::size_t limit, RevisionsDone done) {
  Job job = ListRevisions{limit, std::move(done)};
  if (queue_.push(job)) return;
  std::get<ListRevisions>(job).done(
      fail(Errc::Unavailable, "too many requests are waiting; try again later"));
}

void LocalWorker::look_at_tunnel() {
  Job job = LookAtTunnel{};
  (void)queue_.push(job);  // full: every change that waits there looks at the tunnel too
}

bool LocalWorker::stop(Milliseconds patience) {
  thread_.request_stop();
  return end_.wait_for(patience) == std::future_status::ready;
}

}  // namespace adit
