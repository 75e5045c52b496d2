// Supervisor in a reload: it becomes the new program, and a successor takes the place of the data
// process that serves.
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include <sys/socket.h>

#include "common/log.hpp"
#include "common/os/sd_notify.hpp"
#include "relay/handover.hpp"
#include "relay/supervisor.hpp"

namespace adit::relay {

namespace {

std::string describe(const TableId& table) {
  return table.revision == 0 ? "no route table"
                             : fmt::format("the route table of revision {}", table.revision);
}

/// Gives both the ends of a socket over which connections move. Whoever gets none, or does not know
/// the message, ends it by that: then the old one drains.
void introduce(const DataProcess& old, const DataProcess& fresh) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
    log::error("adit-relay: reload: {}; the old data process drains",
               sys_error("make a socket pair", errno).what);
    return;
  }
  const UniqueFd giving(pair[0]);
  const UniqueFd taking(pair[1]);
  old.tell(LinkType::TakeOver, giving.get());
  fresh.tell(LinkType::TakeOver, taking.get());
}

}  // namespace

void Supervisor::reload() {
  if (freeze_until_ || successor_ || !current_ || !current_->is_ready) {
    log::warning("adit-relay: reload: not now, a data process is starting; continuing");
    return;
  }
  state_.processes.insert(state_.processes.begin(), std::move(*current_));
  const auto take_back = [&](const Error& error) {
    current_ = std::move(state_.processes.front());
    state_.processes.erase(state_.processes.begin());
    log::error("adit-relay: reload: {}; continuing as before", error.what);
  };
  if (auto works = try_program(state_, program_, arguments_); !works) {
    return take_back(works.error());
  }
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now().time_since_epoch());
  os::sd_notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
  take_back(execute_with(state_, program_, arguments_));
  os::sd_notify("READY=1");
}

void Supervisor::freeze_current() {
  freeze_until_ = SteadyClock::now() + kProcessPatience;
  current_->tell(LinkType::Freeze);
}

void Supervisor::start_successor() {
  freeze_until_.reset();
  auto process = start_data_process(options_, state_.control.get());
  if (!process) return abandon_reload(process.error().what);
  successor_ = std::move(*process);
}

std::string Supervisor::flaw_of_successor(const TableId& table) const {
  if (table != frozen_table_) {
    return fmt::format(
        "the new data process has {}, not {}; if it cannot read the cached table, only a restart "
        "takes the new program",
        describe(table), describe(frozen_table_));
  }
  for (const auto& [address, listener] : state_.listeners.all()) {
    if (successor_->listeners.contains(address)) continue;
    return fmt::format("the new data process does not want the listener {} port {}",
                       address.address, address.port);
  }
  return {};
}

void Supervisor::on_successor_ready(const TableId& table) {
  if (const std::string flaw = flaw_of_successor(table); !flaw.empty()) {
    log::error("adit-relay: reload: {}", flaw);
    return successor_->kill();
  }
  introduce(*current_, *successor_);
  current_->tell(LinkType::Drain);
  successor_->kill_at = SteadyClock::now() + kProcessPatience;
  state_.processes.push_back(std::move(*current_));
  current_ = std::exchange(successor_, std::nullopt);
  on_ready();
}

void Supervisor::abandon_reload(std::string_view why) {
  freeze_until_.reset();
  current_->tell(LinkType::Serve);
  log::error("adit-relay: reload: {}; the old data process goes on", why);
  os::sd_notify("READY=1");
}

}  // namespace adit::relay
