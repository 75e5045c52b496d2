#include "relay/table_service.hpp"

#include <algorithm>
#include <latch>
#include <utility>

#include <fmt/ranges.h>
#include <malloc.h>

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
  return fmt::format("cannot listen on {}: {}{}", describe(address), error.what,
                     lacks_privilege ? "; ports below 1024 need CAP_NET_BIND_SERVICE" : "");
}

control::Table empty_table() {
  return {};
}

}  // namespace

TableService::TableService(Parts parts)
    : parts_(std::move(parts)),
      table_(*RouteTable::build(empty_table(), nullptr, leaving_)),
      retry_timer_(*parts_.loop, [this] { retry(); }),
      held_timer_(*parts_.loop, [this] { release_held(); }),
      previous_timer_(*parts_.loop, [this] { forget_previous(); }) {
  apply_settings(table_->settings());
  swap_table(table_);
}

void TableService::on_all_workers(
    const std::function<void(Worker&, std::size_t index)>& task) const {
  auto& workers = *parts_.workers;
  std::latch done(static_cast<std::ptrdiff_t>(workers.size()));
  for (std::size_t i = 0; i < workers.size(); ++i) {
    workers[i]->post([&, i] {
      task(*workers[i], i);
      done.count_down();
    });
  }
  done.wait();
}

// --- check and set

control::CheckReply TableService::check(const control::Table& table) {
  control::CheckReply reply{find_problems(table)};
  if (!reply.problems.empty()) return reply;
  reply.problems = bind_all(addresses_of(table));
  return reply;
}

control::SetReply TableService::set(const control::Table& table) {
  control::SetReply reply{find_problems(table), {}, table_->revision()};
  if (!reply.problems.empty()) return reply;
  const Addresses wanted = addresses_of(table);
  reply.problems = bind_all(wanted);
  if (!reply.problems.empty()) return reply;
  auto built = RouteTable::build(table, table_.get(), leaving_);
  if (!built) {
    reply.problems.push_back(built.error().what);
    return reply;
  }
  apply_settings(table.settings);
  for (auto& [address, port] : ports_) port.is_needed = wanted.contains(address);
  swap_table(std::move(*built));
  hand_over_ports(wanted);
  close_unneeded_ports();
  reply.revision = table.revision;
  reply.warning = write_cache(table);
  log::info("relay: route table live revision={} routes={}", table.revision, table.routes.size());
  // A large table leaves large holes behind: its wire form, its decoded form, the table before.
  ::malloc_trim(0);
  return reply;
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
  WorkerUpdate update{table_, before, {}};
  for (const auto& route : before->routes()) {
    if (table_->find_by_name(route->spec.name) == nullptr) update.removed.push_back(route);
  }
  on_all_workers([&](Worker& worker, std::size_t) { worker.update(update); });
  // Kept until nobody who was queued under it can still be sending a hello; freed here and not by
  // a worker, whose clients would wait meanwhile.
  previous_ = before;
  previous_timer_.start(std::max(before->settings().timeouts.hello, Milliseconds{1}));
}

void TableService::forget_previous() {
  on_all_workers([](Worker& worker, std::size_t) { worker.forget_previous(); });
  previous_.reset();
}

std::string TableService::write_cache(const control::Table& table) const {
  auto written = os::write_file_atomically(parts_.cache_path, encode_table_cache(table), 0600);
  if (written) return {};
  const std::string warning = fmt::format("cache not written: {}", written.error().what);
  log::warning("relay: {}; continuing", warning);
  return warning;
}

void TableService::load_cache() {
  auto file = os::read_file(parts_.cache_path, kMaxTableCacheBytes);
  if (!file) {
    if (file.error().code != Errc::NotFound) {
      log::warning("relay: cached table: {}; continuing without a table", file.error().what);
    }
    return;
  }
  auto cached = decode_table_cache(*file);
  if (!cached) {
    log::warning("relay: cached table: {}; continuing without a table", cached.error().what);
    return;
  }
  const Addresses wanted = addresses_of(cached->table);
  auto built = RouteTable::build(std::move(cached->table), nullptr, leaving_, cached->digest);
  if (!built) {
    log::warning("relay: cached table: {}; continuing without a table", built.error().what);
    return;
  }
  for (const auto& address : wanted) ports_[address].is_needed = true;
  for (const std::string& problem : bind_all(wanted)) {
    log::warning("relay: {}; trying again; continuing", problem);
  }
  apply_settings((*built)->settings());
  swap_table(std::move(*built));
  hand_over_ports(wanted);
  log::info("relay: cached route table live revision={} routes={}", table_->revision(),
            table_->routes().size());
}

// --- listeners

TableService::Addresses TableService::addresses_of(const control::Table& table) {
  std::set<std::uint16_t> numbers;
  for (const control::Route& route : table.routes) numbers.insert(route.port);
  Addresses addresses;
  for (const IpAddress& address : table.settings.addresses) {
    for (const std::uint16_t number : numbers) addresses.insert({address, number});
  }
  return addresses;
}

Result<void> TableService::bind(const control::ListenAddress& address) {
  auto bound = parts_.supervisor->bind(address);
  if (!bound) return fail(std::move(bound).error());
  Port& port = ports_[address];
  port.bound = bound->port;
  port.fds = std::move(bound->fds);
  port.problem.clear();
  return {};
}

std::vector<std::string> TableService::bind_all(const Addresses& wanted) {
  std::vector<std::string> problems;
  std::vector<control::ListenAddress> fresh;
  for (const auto& address : wanted) {
    const auto known = ports_.find(address);
    if (known != ports_.end() && known->second.bound != 0) {
      known->second.held_until = SteadyClock::now() + kHoldTime;
      continue;
    }
    if (auto bound = bind(address)) {
      ports_[address].held_until = SteadyClock::now() + kHoldTime;
      fresh.push_back(address);
    } else if (known != ports_.end() && known->second.is_needed) {
      // The live table has the same trouble: no reason to refuse a new one. Retried meanwhile.
      known->second.problem = problem_of(address, bound.error());
      retry_timer_.start(kRetryTime);
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

/// Gives the workers the sockets that they do not have yet: socket i to worker i.
void TableService::hand_over_ports(const Addresses& wanted) {
  for (const auto& address : wanted) {
    Port& port = ports_[address];
    port.is_needed = true;
    if (port.bound == 0 || port.is_live) continue;
    std::vector<Result<void>> results(parts_.workers->size());
    const std::size_t workers = parts_.workers->size();
    on_all_workers([&](Worker& worker, std::size_t index) {
      for (std::size_t i = index; i < port.fds.size(); i += workers) {
        if (auto listening = worker.listen(address, std::move(port.fds[i])); !listening) {
          results[index] = std::move(listening);
        }
      }
    });
    port.fds.clear();
    port.is_live = true;
    for (const auto& result : results) {
      if (!result) port.problem = problem_of(address, result.error());
    }
    if (!port.problem.empty()) log::error("relay: {}; continuing", port.problem);
  }
}

void TableService::close_unneeded_ports() {
  for (auto next = ports_.begin(); next != ports_.end();) {
    const auto current = next++;
    const auto& [address, port] = *current;
    if (port.is_needed) continue;
    if (port.is_live) {
      on_all_workers(
          [&, &where = address](Worker& worker, std::size_t) { worker.close_listeners(where); });
    }
    parts_.supervisor->unbind(address);
    ports_.erase(current);
  }
}

/// Ports of the live table that could not be bound.
void TableService::retry() {
  Addresses again;
  for (const auto& [address, port] : ports_) {
    if (port.is_needed && port.bound == 0) again.insert(address);
  }
  for (const auto& address : again) {
    if (bind(address)) {
      hand_over_ports({address});
      log::info("relay: listening on {} at last", describe(address));
    } else {
      retry_timer_.start(kRetryTime);
    }
  }
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
  stats.table_digest = table_->revision() == 0 ? 0 : table_->digest();
  stats.effective_limits = parts_.shared->admission.limits();
  for (const auto& [address, port] : ports_) {
    if (port.is_needed) stats.listeners.push_back({address, port.bound, port.problem});
  }
  stats.routes.reserve(table_->routes().size());
  for (const auto& route : table_->routes()) {
    const RouteState& state = *route->state;
    stats.routes.push_back({route->spec.name, state.active.load(std::memory_order_relaxed),
                            state.connections.load(std::memory_order_relaxed),
                            state.bytes_to_target.load(std::memory_order_relaxed),
                            state.bytes_to_client.load(std::memory_order_relaxed)});
  }
}

}  // namespace adit::relay
