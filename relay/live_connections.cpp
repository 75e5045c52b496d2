#include "relay/live_connections.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <utility>

#include "relay/record_log.hpp"

namespace adit::relay {

control::Connections list_connections(const Workers& workers,
                                      const control::ConnectionsRequest& request) {
  control::ConnectionsRequest page = request;
  page.most = std::min(request.most, kMostRecords);
  std::mutex mutex;
  control::Connections all;
  on_all_workers(workers, [&](Worker& worker, std::size_t) {
    control::Connections own = worker.list(page);
    const std::scoped_lock lock(mutex);
    std::ranges::move(own.connections, std::back_inserter(all.connections));
    all.has_more = all.has_more || own.has_more;
  });
  std::ranges::sort(all.connections, {}, &control::ConnectionRecord::id);
  if (all.connections.size() > page.most) {
    all.connections.resize(page.most);
    all.has_more = true;
  }
  return all;
}

control::KillReply kill_connection(const Workers& workers, const control::Kill& kill) {
  std::atomic<bool> was_found = false;
  on_all_workers(workers, [&](Worker& worker, std::size_t) {
    if (worker.kill(kill.id)) was_found = true;
  });
  return {was_found};
}

}  // namespace adit::relay
