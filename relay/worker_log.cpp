// What a worker writes to the log about connections that end: one line each, within bounds.
#include "common/log.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

namespace {
constexpr Seconds kReportTime{60};
}  // namespace

bool Worker::may_log_end(CloseReason reason, const IpAddress& client) {
  if (!log::is_enabled(log::Level::Info)) return false;
  const bool may = is_unserved(reason) ? shared_->refusals.allows(reason, client, now())
                                       : end_lines_.allows(now());
  if (!may && !report_node_.is_armed()) arm(report_node_, now() + kReportTime);
  return may;
}

void Worker::log_end(const Connection& connection) {
  if (!may_log_end(connection.reason(), connection.client().address)) return;
  const auto& route = connection.route();
  const auto duration = std::chrono::duration_cast<Milliseconds>(now() - connection.started());
  log::info(
      "relay: connection closed conn={} client={} host={} target={} to_target={} to_client={} "
      "spliced={} ms={} reason={}",
      connection.id(), connection.client(), connection.host() ? connection.host()->display() : "-",
      route ? connection.target().to_string() : "-", connection.bytes_to_target(),
      connection.bytes_to_client(), connection.spliced_bytes(), duration.count(),
      to_string(connection.reason()));
}

void Worker::report_suppressed() {
  // Of all workers: who reports first reports for the others too.
  for (const RefusalLog::Count& count : shared_->refusals.take_counts()) {
    log::info("relay: {} more {} reason={} clients={}{}", count.refusals,
              is_early_leave(count.reason) ? "left" : "refused", to_string(count.reason),
              count.clients, count.has_more_clients ? "+" : "");
  }
  if (const std::uint64_t count = end_lines_.take_suppressed(); count > 0) {
    log::info("relay: {} more connections closed", count);
  }
}

}  // namespace adit::relay
