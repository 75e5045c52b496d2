#include "relay/table_service.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>

#include "common/control/codec.hpp"
#include "common/log.hpp"
#include "common/os/files.hpp"
#include "relay/resource_limits.hpp"
#include "relay/table_cache.hpp"

namespace adit::relay {

namespace {

constexpr Milliseconds kRetryTime{1000};
constexpr Milliseconds kHoldTime{30'000};  ///< of a checked port for its set

std::string describe(const control::ListenAddress& address) {
  return address.address.is_v4() ? fmt::format("{}:{}", address.address, address.port)
                                 : fmt::format("[{}]:{}", address.address, address.port);
}

std::string problem_of(const control::ListenAddress& address, const Error& error) {
  const bool lacks_privilege = error.sys_errno == EACCES && address.port != 0;
  const bool is_http = address.protocol == control::Protocol::Http;
  return fmt::format("cannot listen on {}: {}{}{}", describe(address), error.what,
                     lacks_privilege ? "; ports below 1024 need CAP_NET_BIND_SERVICE" : "",
                     is_http ? "; relay: {http_port: off} does without plain HTTP" : "");
}

}  // namespace

TableService::TableService(Parts parts)
    : parts_(std::move(parts)),
      table_(*RouteTable::build(control::Table{}, nullptr, states_)),
      retry_timer_(*parts_.loop, [this] { retry(); }),
      held_timer_(*parts_.loop, [this] { release_held(); }),
      previous_timer_(*parts_.loop, [this] { forget_previous(); }) {
  apply_settings(table_->settings());
  swap_table(table_);
}

void TableService::on_all_workers(
    const std::function<void(Worker&, std::size_t index)>& task) const {
  relay::on_all_workers(*parts_.workers, task);
}

// --- check and set

control::CheckReply TableService::check(const CheckedTable& table) {
  control::CheckReply reply{table.problems};
  if (reply.problems.empty()) {
    reply.problems = bind_all(addresses_of(table.table.settings(), table.ports));
  }
  return reply;
}

control::SetReply TableService::set(std::vector<std::uint8_t> bytes, CheckedTable table,
                                    std::uint64_t digest) {
  control::SetReply reply{std::move(table.problems), {}, table_->revision()};
  if (!reply.problems.empty()) return reply;
  const Addresses wanted = addresses_of(table.table.settings(), table.ports);
  reply.problems = bind_all(wanted);
  if (!reply.problems.empty()) return reply;
  auto built = RouteTable::build(std::move(bytes), std::move(table), table_.get(), states_, digest);
  apply_settings(built->settings());
  for (auto& [address, port] : ports_) port.is_needed = wanted.contains(address);
  swap_table(std::move(built));
  listen_where_needed();
  close_unneeded_ports();
  write_cache();
  if (cache_problem_.empty()) parts_.supervisor->report(LinkType::TableChanged);
  auto warnings = problems_of_ports();
  if (!cache_problem_.empty()) warnings.push_back(cache_problem_);
  reply.warning = fmt::format("{}", fmt::join(warnings, "; "));
  reply.revision = table_->revision();
  log::info("relay: route table live revision={} routes={}", table_->revision(), table_->size());
  // A large table leaves large holes behind: its wire form, and the table before.
  ::malloc_trim(0);
  return reply;
}

TableId TableService::id() const {
  return {table_->revision(), table_->revision() == 0 ? 0 : table_->digest()};
}

void TableService::apply_settings(const control::Settings& settings) {
  set_privacy(settings.privacy);
  const control::Limits limits =
      effective_limits(settings.limits, parts_.descriptors, parts_.shared->pipes.maximum());
  parts_.shared->admission.set_limits(limits);
  parts_.shared->hellos.set_maximum(std::max(limits.connections / 2, 1U));
}

void TableService::swap_table(std::shared_ptr<const RouteTable> table) {
  const auto before = std::exchange(table_, std::move(table));
  // Kept until nobody who was queued on a removed port under it can still be sending a hello; freed
  // here and not by a worker, whose clients would wait meanwhile.
  if (!std::ranges::includes(table_->ports(), before->ports())) {
    previous_ = before;
    previous_timer_.start(std::max(before->settings().timeouts.hello, Milliseconds{1}));
  }
  table_->apply_limits();
  WorkerUpdate update{table_, previous_, 0};
  for (const auto& [address, port] : ports_) {
    const bool is_chosen = address.port == 0 && address.protocol == control::Protocol::Tls;
    if (is_chosen && port.is_needed) update.chosen_https_port = port.bound;
  }
  on_all_workers([&](Worker& worker, std::size_t) { worker.update(update); });
  // Only now does no worker find a route in the table before that it has not found until then.
  std::vector<std::shared_ptr<const Route>> removed;
  for (const auto& route : before->used_routes()) {
    // One that was found there in the meantime is found here too, so that its new limits hold.
    if (table_->find_by_name(route->spec.name) == nullptr) removed.push_back(route);
  }
  if (removed.empty()) return;
  on_all_workers([&](Worker& worker, std::size_t) { worker.drain_removed(removed); });
}

void TableService::forget_previous() {
  on_all_workers([](Worker& worker, std::size_t) { worker.forget_previous(); });
  previous_.reset();
}

// --- the cache

void TableService::write_cache() {
  const std::string& path = parts_.cache_path;
  cache_problem_.clear();
  auto written = os::write_file_atomically(
      path, encode_table_cache(table_->encoded(), table_->digest()), 0600);
  if (written) return;
  cache_problem_ = fmt::format("cache not written: {}", written.error().what);
  // An older table must not come back with a restart: rather none until the controller is asked.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    cache_problem_ += fmt::format("; {}", sys_error("remove the older " + path, errno).what);
  }
  log::warning("relay: {}; continuing", cache_problem_);
}

/// The table of the cache; null if there is none, or none that could be served (which is logged).
std::shared_ptr<const RouteTable> TableService::read_cache() {
  const auto unusable = [](const Error& error) {
    log::warning("relay: cached table: {}; continuing without it", error.what);
    return nullptr;
  };
  auto file = os::read_file(parts_.cache_path, kMaxTableCacheBytes);
  if (!file && file.error().code == Errc::NotFound) return nullptr;
  if (!file) return unusable(file.error());
  const auto cached = decode_table_cache(*file);
  if (!cached) return unusable(cached.error());
  auto checked = check_table(cached->table);
  if (!checked) return unusable(checked.error().within("the cached route table"));
  if (!checked->problems.empty()) {
    return unusable({Errc::Invalid, fmt::format("{}", fmt::join(checked->problems, "; ")), 0});
  }
  return RouteTable::build(std::move(*file), std::move(*checked), table_.get(), states_,
                           cached->digest);
}

void TableService::load_cache() {
  auto cached = read_cache();
  if (!cached) return;
  const Addresses wanted = addresses_of(cached->settings(), cached->ports());
  for (const auto& address : wanted) ports_[address].is_needed = true;
  bind_all(wanted);  // what could not be bound is logged, and retried as soon as we serve
  apply_settings(cached->settings());
  swap_table(std::move(cached));
  log::info("relay: cached route table live revision={} routes={}", table_->revision(),
            table_->size());
}

void TableService::follow_cache() {
  auto table = mode_ == Mode::Draining ? read_cache() : nullptr;
  if (!table) return;
  apply_settings(table->settings());
  swap_table(std::move(table));
  log::info("relay: draining by the route table revision={}", table_->revision());
}

// --- the supervisor's orders

void TableService::serve() {
  mode_ = Mode::Serving;
  retry();
}

void TableService::freeze() {
  mode_ = Mode::Frozen;
  close_unneeded_ports();
}

void TableService::drain() {
  mode_ = Mode::Draining;
  held_timer_.stop();
  ports_.clear();
}

// --- listeners

TableService::Addresses TableService::addresses_of(const control::Settings& settings,
                                                   std::span<const control::PublicPort> ports) {
  Addresses addresses;
  for (const IpAddress& address : settings.addresses) {
    for (const auto& port : ports) addresses.insert({address, port.number, port.protocol});
  }
  return addresses;
}

Result<void> TableService::bind(const control::ListenAddress& address) {
  auto bound = parts_.supervisor->bind(address);
  if (!bound) return fail(std::move(bound).error());
  Port& port = ports_[address];
  port.bound = bound->port;
  port.fds = std::move(bound->fds);
  port.held_until = SteadyClock::now() + kHoldTime;
  return {};
}

std::vector<std::string> TableService::bind_all(const Addresses& wanted) {
  std::vector<std::string> problems;
  std::vector<control::ListenAddress> fresh;
  for (const auto& address : wanted) {
    const auto known = ports_.find(address);
    if (known != ports_.end() && known->second.bound != 0) {
      known->second.held_until = SteadyClock::now() + kHoldTime;
    } else if (auto bound = bind(address)) {
      fresh.push_back(address);
    } else if (known != ports_.end() && known->second.is_needed) {
      // The live table has the same trouble: no reason to refuse a new one. Retried meanwhile.
      note_problem(address, known->second, bound.error());
    } else {
      problems.push_back(problem_of(address, bound.error()));
    }
  }
  if (problems.empty()) {
    held_timer_.start(kHoldTime + Milliseconds{10});
    return problems;
  }
  for (const auto& address : fresh) {
    if (ports_[address].is_needed) continue;
    parts_.supervisor->unbind(address);
    ports_.erase(address);
  }
  return problems;
}

/// Gives the workers the sockets of `port`: socket i to worker i. Either all of them listen or, for
/// any error, none, and the port is not bound any more.
Result<void> TableService::listen(const control::ListenAddress& address, Port& port) {
  const std::size_t workers = parts_.workers->size();
  std::vector<Result<void>> results(workers);
  on_all_workers([&](Worker& worker, std::size_t index) {
    for (std::size_t i = index; i < port.fds.size() && results[index]; i += workers) {
      results[index] = worker.listen(address, std::move(port.fds[i]));
    }
  });
  port.fds.clear();
  const auto failed = std::ranges::find(results, false, &Result<void>::has_value);
  if (failed == results.end()) return {};
  close_at_workers(address);
  parts_.supervisor->unbind(address);
  port.bound = 0;
  return std::move(*failed);
}

void TableService::listen_where_needed() {
  bool is_missing = false;
  for (auto& [address, port] : ports_) {
    if (!port.is_needed || port.is_live) continue;
    if (port.bound != 0) {
      auto listening = listen(address, port);
      port.is_live = listening.has_value();
      if (!listening) note_problem(address, port, listening.error());
    }
    is_missing = is_missing || !port.is_live;
    if (!port.is_live || port.problem.empty()) continue;
    log::info("relay: listening on {} at last", describe(address));
    port.problem.clear();
  }
  if (is_missing) retry_timer_.start(kRetryTime);
}

void TableService::note_problem(const control::ListenAddress& address, Port& port,
                                const Error& error) {
  std::string problem = problem_of(address, error);
  if (problem == port.problem) return;
  port.problem = std::move(problem);
  log::warning("relay: {}; trying again; continuing", port.problem);
}

std::vector<std::string> TableService::problems_of_ports() const {
  std::vector<std::string> problems;
  for (const auto& [address, port] : ports_) {
    if (!port.problem.empty()) problems.push_back(port.problem);
  }
  return problems;
}

void TableService::close_at_workers(const control::ListenAddress& address) {
  on_all_workers([&](Worker& worker, std::size_t) { worker.close_listeners(address); });
}

void TableService::close_unneeded_ports() {
  for (auto next = ports_.begin(); next != ports_.end();) {
    const auto current = next++;
    if (current->second.is_needed) continue;
    if (current->second.is_live) close_at_workers(current->first);
    if (current->second.bound != 0) parts_.supervisor->unbind(current->first);
    ports_.erase(current);
  }
}

/// Ports of the live table on which nobody listens yet.
void TableService::retry() {
  if (mode_ != Mode::Serving) return;
  for (auto& [address, port] : ports_) {
    if (!port.is_needed || port.bound != 0) continue;
    if (auto bound = bind(address); !bound) note_problem(address, port, bound.error());
  }
  listen_where_needed();
}

/// Ports bound by a check whose set did not come.
void TableService::release_held() {
  const TimePoint now = SteadyClock::now();
  for (auto next = ports_.begin(); next != ports_.end();) {
    const auto current = next++;
    if (current->second.is_needed) continue;
    if (current->second.held_until > now) {
      held_timer_.start(std::chrono::ceil<Milliseconds>(current->second.held_until - now));
      continue;
    }
    parts_.supervisor->unbind(current->first);
    ports_.erase(current);
  }
}

// --- statistics

void TableService::fill(control::Stats& stats) const {
  stats.revision = table_->revision();
  stats.table_digest = id().digest;
  stats.cache_problem = cache_problem_;
  stats.effective_limits = parts_.shared->admission.limits();
  for (const auto& [address, port] : ports_) {
    if (port.is_needed) stats.listeners.push_back({address, port.bound, port.problem});
  }
  stats.route_count = table_->size();
  for (const auto& [name, state] : states_.all()) {
    if (!table_->contains(name)) continue;
    const control::RouteStats route{name, state->active.load(std::memory_order_relaxed),
                                    state->connections.load(std::memory_order_relaxed),
                                    state->bytes_to_target.load(std::memory_order_relaxed),
                                    state->bytes_to_client.load(std::memory_order_relaxed)};
    if (route.active != 0 || route.connections != 0) stats.routes.push_back(route);
  }
}

}  // namespace adit::relay
