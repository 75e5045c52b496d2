#include "relay/health_checker.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include <sys/socket.h>

#include "common/log.hpp"
#include "common/unique_fd.hpp"
#include "common/uv/poll.hpp"
#include "relay/close_reason.hpp"
#include "relay/proxy_protocol.hpp"
#include "relay/socket_options.hpp"
#include "relay/tls_check.hpp"

namespace adit::relay {

namespace {

constexpr Milliseconds kInterval{5000};
constexpr Milliseconds kQuickInterval{1000};
/// After a change, or a failure that may become one.
constexpr unsigned kQuickChecks = 5;
constexpr Milliseconds kMostPatience{3000};
/// New targets are asked soon, but not all in the same moment.
constexpr Milliseconds kSpreadOfOne{10};

std::string_view word_of(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return to_string(CloseReason::TargetRefused);
    case ETIMEDOUT:
      return to_string(CloseReason::TargetTimeout);
    default:
      return to_string(CloseReason::TargetUnreachable);
  }
}

/// Which name to ask for. Of a wildcard one that it covers; a catch-all has none.
std::string server_name_for(const HostPattern& pattern) {
  const std::string name(pattern.name());
  return pattern.kind() == HostPattern::Kind::Wildcard ? "adit-check." + name : name;
}

}  // namespace

/// One check that is under way.
class HealthChecker::Attempt {
 public:
  Attempt(HealthChecker& checker, Check& check, TimePoint deadline)
      : checker_(&checker), check_(&check), deadline_(deadline) {}

  /// What went wrong at once, or nothing.
  std::string_view start() {
    auto fd = dial(check_->record->target(), nullptr, FirstWord::Theirs);
    // Our own want of descriptors or ports says nothing of the target: the time decides.
    if (!fd) return is_ours(fd.error().sys_errno) ? "" : word_of(fd.error().sys_errno);
    auto poll = uv::Poll::create(*checker_->loop_, fd->get(), &on_ready, this);
    if (!poll) return {};
    fd_ = std::move(*fd);
    poll_ = std::move(*poll);
    poll_.update(UV_WRITABLE);
    return {};
  }

  [[nodiscard]] TimePoint deadline() const { return deadline_; }

  /// What its time's end means.
  [[nodiscard]] std::string_view timeout_word() const {
    return is_connected_ ? kNoAnswer : to_string(CloseReason::TargetTimeout);
  }

  /// False: it could not even begin, by no fault of the target.
  [[nodiscard]] bool is_under_way() const { return fd_.is_open(); }

 private:
  enum class Outcome : std::uint8_t { Waiting, Alive, Failed };

  static constexpr std::string_view kNoAnswer = "no_tls_answer";

  static bool is_ours(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ||
           error == EADDRNOTAVAIL;
  }

  static void on_ready(void* context, int, int) noexcept {
    auto& self = *static_cast<Attempt*>(context);
    const Outcome outcome = self.advance();
    if (outcome == Outcome::Waiting) return;
    // Ends with the death of `self`.
    self.checker_->finish(*self.check_, outcome == Outcome::Alive ? "" : self.error_);
  }

  Outcome advance() { return is_connected_ ? read_answer() : take_connection(); }

  Outcome take_connection() {
    if (const int error = take_socket_error(fd_.get()); error != 0) return failed(word_of(error));
    if (check_->record->check() != control::HealthCheck::Tls) return Outcome::Alive;
    is_connected_ = true;
    std::vector<std::uint8_t> hello = own_header();
    const auto client_hello = check_hello(check_->server_name);
    hello.insert(hello.end(), client_hello.begin(), client_hello.end());
    // A socket's first buffer takes it whole, or the target is gone.
    const ssize_t sent = ::send(fd_.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
    if (sent < 0) return failed(word_of(errno));
    poll_.update(UV_READABLE);
    return Outcome::Waiting;
  }

  /// What a target that waits for a PROXY header has to be told first.
  [[nodiscard]] std::vector<std::uint8_t> own_header() const {
    const HealthRecord& record = *check_->record;
    return own_proxy_header(record.proxy_protocol(),
                            {local_end(fd_.get(), record.target()), record.target()});
  }

  Outcome read_answer() {
    const auto room = std::span(answer_).subspan(answered_);
    const ssize_t count = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Outcome::Waiting;
    if (count <= 0) return failed(kNoAnswer);
    answered_ += static_cast<std::size_t>(count);
    switch (judge_answer(std::span(answer_).first(answered_))) {
      case CheckAnswer::NeedMore:
        return Outcome::Waiting;
      case CheckAnswer::Alive:
        return Outcome::Alive;
      case CheckAnswer::NotTls:
        break;
    }
    return failed(kNoAnswer);
  }

  Outcome failed(std::string_view error) {
    error_ = error;
    return Outcome::Failed;
  }

  HealthChecker* checker_;
  Check* check_;
  TimePoint deadline_;
  UniqueFd fd_;  // before poll_: members die in reverse, so the poll closes first
  uv::Poll poll_;
  bool is_connected_ = false;
  std::array<std::uint8_t, kCheckAnswerBytes> answer_{};
  std::size_t answered_ = 0;
  std::string_view error_;
};

HealthChecker::HealthChecker(uv::Loop& loop)
    : loop_(&loop),
      timer_(loop, [this] { run(); }),
      random_(static_cast<std::minstd_rand::result_type>(
          SteadyClock::now().time_since_epoch().count())) {}

HealthChecker::~HealthChecker() = default;

// --- which targets

void HealthChecker::watch(const RouteTable& table) {
  patience_ = std::min(table.settings().timeouts.connect, kMostPatience);
  for (auto& [record, check] : checks_) check.is_wanted = false;
  for (const auto& route : table.used_routes()) {
    const bool is_checked = route->spec.check != control::HealthCheck::None;
    if (is_checked && route->health) add_targets_of(*route);
  }
  for (auto next = checks_.begin(); next != checks_.end();) {
    const auto current = next++;
    if (current->second.is_wanted) continue;
    forget(current->second);
    checks_.erase(current);
  }
  arm_timer();
}

void HealthChecker::add_targets_of(const Route& route) {
  for (const auto& record : *route.health) {
    const auto [known, is_new] = checks_.try_emplace(record.get());
    Check& check = known->second;
    check.is_wanted = true;
    if (!is_new) continue;
    check.record = record;
    check.server_name = server_name_for(route.spec.pattern);
    check.quick_checks = 1;  // two in a row are needed to call it down
    const auto spread = std::min(kInterval, kSpreadOfOne * static_cast<int>(checks_.size()));
    schedule(check, SteadyClock::now() + chance_below(spread));
  }
}

void HealthChecker::forget(Check& check) {
  if (!check.attempt) waiting_.erase({check.due, &check});
  running_.erase(&check);
}

void HealthChecker::stop() {
  timer_.stop();
  waiting_.clear();
  running_.clear();
  checks_.clear();
}

// --- when

Milliseconds HealthChecker::chance_below(Milliseconds most) {
  return Milliseconds(static_cast<std::int64_t>(random_()) %
                      std::max<std::int64_t>(most.count(), 1));
}

void HealthChecker::schedule(Check& check, TimePoint due) {
  check.due = due;
  waiting_.insert({due, &check});
}

void HealthChecker::run() {
  const TimePoint now = SteadyClock::now();
  const std::vector<Check*> running(running_.begin(), running_.end());
  for (Check* check : running) {
    if (check->attempt->deadline() <= now) finish(*check, check->attempt->timeout_word());
  }
  while (running_.size() < kMostChecks && !waiting_.empty() && waiting_.begin()->first <= now) {
    Check& check = *waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    begin(check, now);
  }
  arm_timer();
}

void HealthChecker::begin(Check& check, TimePoint now) {
  check.attempt = std::make_unique<Attempt>(*this, check, now + patience_);
  running_.insert(&check);
  const std::string_view error = check.attempt->start();
  if (!error.empty()) return finish(check, error);
  if (check.attempt->is_under_way()) return;
  check.attempt.reset();
  running_.erase(&check);
  schedule(check, now + kQuickInterval);
}

void HealthChecker::finish(Check& check, std::string_view error) {
  const TimePoint now = SteadyClock::now();
  HealthRecord& record = *check.record;
  const Turn turn = error.empty() ? record.check_passed(now) : record.check_failed(now, error);
  if (turn == Turn::WentDown) {
    log::warning("relay: target down target={} reason={}; continuing", record.target(), error);
  } else if (turn == Turn::CameBack) {
    log::info("relay: target healthy again target={}", record.target());
  }
  const bool is_up = record.standing(now) == Standing::Preferred;
  if (turn != Turn::None || (is_up && !error.empty())) check.quick_checks = kQuickChecks;
  const Milliseconds base = check.quick_checks > 0 ? kQuickInterval : kInterval;
  if (check.quick_checks > 0) --check.quick_checks;
  running_.erase(&check);
  schedule(check, now + base - base / 10 + chance_below(base / 5));
  check.attempt.reset();
  arm_timer();
}

void HealthChecker::arm_timer() {
  std::optional<TimePoint> next;
  if (running_.size() < kMostChecks && !waiting_.empty()) next = waiting_.begin()->first;
  for (const Check* check : running_) {
    next = std::min(next.value_or(TimePoint::max()), check->attempt->deadline());
  }
  if (!next) return timer_.stop();
  const auto delay = std::chrono::ceil<Milliseconds>(*next - SteadyClock::now());
  timer_.start(std::max(delay, Milliseconds{1}));
}

control::HealthReply describe_health(const RouteTable& table, TimePoint now) {
  control::HealthReply reply;
  for (const auto& route : table.used_routes()) {
    if (!route->health) continue;
    for (const auto& record : *route->health) {
      reply.targets.push_back(record->report(now));
      reply.targets.back().route = route->spec.name;
    }
  }
  return reply;
}

}  // namespace adit::relay
