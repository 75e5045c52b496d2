#include "relay/relay.hpp"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/control/codec.hpp"
#include "common/log.hpp"
#include "common/uv/timer.hpp"
#include "common/version.hpp"
#include "relay/control_server.hpp"
#include "relay/data_process.hpp"
#include "relay/health_checker.hpp"
#include "relay/live_connections.hpp"
#include "relay/resource_limits.hpp"
#include "relay/sandbox.hpp"
#include "relay/supervisor_client.hpp"
#include "relay/table_service.hpp"
#include "relay/takeover.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {

constexpr Milliseconds kForgetTime{10'000};
constexpr Milliseconds kDrainCheck{200};
/// A reload cuts what is still open in the old process after an hour, the longest that it may take.
constexpr Milliseconds kLongestDrain{3'600'000};

/// What a pushed table passes through goes back to the system when it is freed: by itself glibc
/// learns from the first of such blocks to keep those that follow.
void return_large_blocks() {
  constexpr int kLargeBytes = 256 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kLargeBytes);
  ::mallopt(M_TRIM_THRESHOLD, kLargeBytes);
}

class Relay {
 public:
  Relay(const Options& options, std::uint64_t descriptors, const control::Sandbox& sandbox)
      : options_(options),
        descriptors_(descriptors),
        sandbox_(sandbox),
        shared_(pipe_cap(descriptors), options.workers, options.may_splice),
        forget_timer_(loop_, [this] { shared_.admission.forget_idle(SteadyClock::now()); }),
        drain_timer_(loop_, [this] { end_if_drained(); }),
        terminate_(loop_, SIGTERM, [this] { loop_.stop(); }),
        checker_(loop_) {}

  Result<void> start() {
    auto supervisor = SupervisorClient::create(
        loop_, UniqueFd(kLinkFd),
        {[this](LinkType order) { obey(order); },
         [this](UniqueFd socket) { takeover_ = std::move(socket); }, [this] { loop_.stop(); }});
    if (!supervisor) return fail(std::move(supervisor).error());
    supervisor_ = std::move(*supervisor);
    for (unsigned i = 0; i < options_.workers; ++i) {
      workers_.push_back(std::make_unique<Worker>(shared_));
      workers_.back()->start();
    }
    tables_.emplace(TableService::Parts{&loop_, &shared_, supervisor_.get(), &workers_,
                                        options_.state_dir + "/table.cache", descriptors_});
    tables_->load_cache();
    checker_.watch(tables_->table());
    forget_timer_.start(kForgetTime, kForgetTime);
    supervisor_->report(LinkType::Ready, tables_->id());
    return {};
  }

  void run() { loop_.run(); }

 private:
  void obey(LinkType order) {
    switch (order) {
      case LinkType::Serve:
        return serve();
      case LinkType::Freeze:
        tables_->freeze();
        return supervisor_->report(LinkType::Frozen, tables_->id());
      case LinkType::Drain:
        return drain();
      case LinkType::TableChanged:
        return tables_->follow_cache();
      default:
        return;
    }
  }

  void serve() {
    if (takeover_.is_open()) {
      take_over();
    } else {
      tables_->serve();
    }
    if (!control_ && !open_control()) return loop_.stop();  // the supervisor starts another
    supervisor_->report(LinkType::Serving);
  }

  /// Before controllers come: what they read and set begins with what was there.
  void take_over() {
    Taker taker(
        std::exchange(takeover_, UniqueFd()),
        {&shared_, workers_,
         [this](const std::string& name, std::span<const std::uint8_t> own) {
           return tables_->route_of_moved(name, own);
         },
         [this](const control::SiteState& sites) { take(sites); },
         [this](std::span<const control::RouteStats> routes) { tables_->inherit(routes); }});
    taker.begin();
    tables_->serve();
    taker.take();
  }

  /// Not before we serve: nobody else answers controllers then.
  bool open_control() {
    std::vector<uid_t> allowed{0, ::geteuid()};
    if (options_.controller_user) allowed.push_back(*options_.controller_user);
    auto control = ControlServer::create(
        loop_, UniqueFd(kControlFd), std::move(allowed),
        {[this](const control::Message& request) { return answer(request); },
         [this](const control::TableRequest& request, std::vector<std::uint8_t>&& body) {
           return answer(request, std::move(body));
         }});
    if (control) {
      control_ = std::move(*control);
    } else {
      log::error("relay: {}", control.error().what);
    }
    return control_ != nullptr;
  }

  control::Message answer(const control::TableRequest& request, std::vector<std::uint8_t>&& body) {
    if (tables_->is_frozen()) {
      return control::Failure{"reloading; try again", /*is_passing=*/true};
    }
    auto table = check_table(request.table);
    if (!table) return control::Failure{table.error().what};
    if (!request.is_set) return tables_->check(*table);
    control::SetReply reply = tables_->set(std::move(body), std::move(*table), request.digest);
    if (reply.problems.empty()) checker_.watch(tables_->table());
    return reply;
  }

  control::Message answer(const control::Message& request) {
    if (std::holds_alternative<control::HealthRequest>(request)) {
      return describe_health(tables_->table(), SteadyClock::now());
    }
    if (std::holds_alternative<control::StatsRequest>(request)) return stats();
    if (const auto* sites = std::get_if<control::SiteState>(&request)) return take(*sites);
    if (const auto* list = std::get_if<control::ConnectionsRequest>(&request)) {
      return list_connections(workers_, *list);
    }
    if (const auto* records = std::get_if<control::RecordsRequest>(&request)) {
      return shared_.records.read(*records);
    }
    if (const auto* kill = std::get_if<control::Kill>(&request)) {
      return kill_connection(workers_, *kill);
    }
    if (std::holds_alternative<control::Reload>(request)) {
      supervisor_->report(LinkType::Reload);
      return control::ReloadReply{};
    }
    if (const auto* unknown = std::get_if<control::Failure>(&request)) return *unknown;
    return control::Failure{"this message is no request"};
  }

  control::SiteStateReply take(const control::SiteState& sites) {
    sites_down_ = {sites.down.begin(), sites.down.end()};
    on_all_workers(workers_,
                   [&](Worker& worker, std::size_t) { worker.set_sites_down(sites_down_); });
    return {};
  }

  [[nodiscard]] control::Stats stats() const {
    control::Stats stats;
    stats.software = fmt::format("adit-relay {}", kVersion);
    stats.supervisor_pid = static_cast<std::uint32_t>(::getppid());
    stats.data_pid = static_cast<std::uint32_t>(::getpid());
    stats.workers = static_cast<std::uint32_t>(workers_.size());
    for (const auto& worker : workers_) {
      const Counters& counters = worker->counters();
      // Ended first: a connection that ends between the two reads must not count below zero.
      const std::uint64_t ended = counters.ended.get();
      stats.accepted += counters.accepted.get();
      stats.active += counters.accepted.get() - ended;
      stats.bytes_to_target += counters.bytes_to_target.get();
      stats.bytes_to_client += counters.bytes_to_client.get();
      stats.spliced_bytes += counters.spliced_bytes.get();
      for (std::size_t i = 0; i < kCloseReasonCount; ++i) {
        const auto reason = static_cast<CloseReason>(i);
        stats.closed[std::string(to_string(reason))] += counters.closed[i].get();
      }
    }
    stats.sites_down.assign(sites_down_.begin(), sites_down_.end());
    stats.sandbox = sandbox_;
    tables_->fill(stats);
    return stats;
  }

  /// A successor serves: no new client, no controller. It gets the connections; of those that it
  /// does not get the last one brings the end here, and its tables are followed meanwhile.
  void drain() {
    log::info("relay: a successor serves; the connections here are its own or drain");
    control_.reset();
    checker_.stop();
    tables_->drain();
    for (const auto& worker : workers_) {
      run_on(*worker, [&each = *worker] { each.close_all_listeners(); });
    }
    if (takeover_.is_open()) {
      Giver giver(std::exchange(takeover_, UniqueFd()), workers_);
      giver.give(shared_.last_connection_id.load(),
                 control::SiteState{{sites_down_.begin(), sites_down_.end()}},
                 [this] { return stats(); });
    }
    drain_until_ = SteadyClock::now() + kLongestDrain;
    drain_timer_.start(kDrainCheck, kDrainCheck);
    end_if_drained();
  }

  void end_if_drained() {
    std::uint64_t active = 0;
    for (const auto& worker : workers_) {
      const std::uint64_t ended = worker->counters().ended.get();
      active += worker->counters().accepted.get() - ended;
    }
    if (active == 0) return loop_.stop();
    if (SteadyClock::now() < drain_until_) return;
    log::warning("relay: reload: ending the connections that are still open count={}", active);
    loop_.stop();
  }

  const Options& options_;
  std::uint64_t descriptors_;
  control::Sandbox sandbox_;
  uv::Loop loop_;
  Shared shared_;
  uv::Timer forget_timer_;
  uv::Timer drain_timer_;
  uv::Signal terminate_;
  HealthChecker checker_;
  TimePoint drain_until_;
  std::set<std::string> sites_down_;  ///< as the controller last said
  UniqueFd takeover_;                 ///< to the other data process of a reload, until it is used
  std::unique_ptr<SupervisorClient> supervisor_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<TableService> tables_;
  std::unique_ptr<ControlServer> control_;
};

/// What must hold before anything is served.
Result<control::Sandbox> prepare(const Options& options) {
  // The supervisor ends first only when it was killed: then so are we.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "adit-relay");  // executed as /proc/self/exe, it would be called "exe"
  // splice(2) has no MSG_NOSIGNAL; a terminal's signals are the supervisor's business.
  for (const int number : {SIGPIPE, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
  ::setenv("UV_USE_IO_URING", "0", 1);  // NOLINT(concurrency-mt-unsafe): no thread yet
  if (!options.has_sandbox) {
    return control::Sandbox{control::Protection::Off, control::Protection::Off};
  }
  return enter_sandbox(options.state_dir, {options.has_seccomp, options.has_landlock});
}

}  // namespace

int run_data_process(const Options& options) {
  return_large_blocks();
  const std::uint64_t descriptors = raise_descriptor_limit();
  enlarge_descriptor_table(descriptors);
  const auto sandbox = prepare(options);
  if (!sandbox) {
    log::error("relay: {}", sandbox.error().what);
    return kExitCannotServe;
  }
  Relay relay(options, descriptors, *sandbox);
  if (auto started = relay.start(); !started) {
    log::error("relay: {}", started.error().what);
    return 1;
  }
  relay.run();
  return 0;
}

}  // namespace adit::relay
