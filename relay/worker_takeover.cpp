// Worker in a live take-over: which connections leave in which order, and how they come in. What
// take() asks for when a client comes, adopt() takes without asking; what remove() gives back,
// settle() gives back, too.
#include <algorithm>
#include <utility>

#include "common/control/codec.hpp"
#include "relay/worker.hpp"

namespace adit::relay {

/// Who has not said hello on a port that the table does not have any more needs the table before,
/// which no successor has: served here to the end.
bool Worker::can_move(const Connection& connection) const {
  constexpr std::size_t kLongestName = 0xffff;
  if (const auto& route = connection.route()) return route->spec.name.size() <= kLongestName;
  return connection.state() != Connection::State::AwaitingHello ||
         std::ranges::binary_search(table_->ports(), connection.port());
}

void Worker::save(const Connection& connection, ConnectionState& state,
                  std::vector<int>& fds) const {
  connection.save(state, fds);
  state.flat.deadline = nanoseconds_of(wheel_.deadline_of(connection));
  const auto& route = connection.route();
  if (!route) return;
  const auto* live = table_->find_by_name(route->spec.name);
  const bool is_live = live != nullptr && (*live == route || (*live)->spec == route->spec);
  if (is_live) return;
  control::Table own;
  own.routes.push_back(route->spec);
  state.own_route = control::encode_table(own);
  if (live != nullptr) return;
  const auto leaving = draining_.find(route->state.get());
  state.flat.drain_until = nanoseconds_of(leaving != draining_.end() ? leaving->second.deadline
                                                                     : now() + route->spec.drain);
}

SuspendedBatch Worker::suspend_some() {
  SuspendedBatch batch;
  std::vector<int> fds;
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = next++;
    if (!can_move(*current)) continue;
    ConnectionState state;
    fds.clear();
    save(*current, state, fds);
    if (batch.fds.size() + fds.size() > kMaxBatchFds) break;
    const std::size_t before = batch.records.size();
    encode(state, batch.records);
    if (batch.records.size() > kMaxBatchBytes) {
      batch.records.resize(before);
      if (before == 0) continue;  // longer than any message: it stays
      break;
    }
    batch.fds.insert(batch.fds.end(), fds.begin(), fds.end());
    ++batch.count;
    current->suspend();
    wheel_.cancel(*current);
    suspended_.splice(suspended_.end(), connections_, current);
  }
  return batch;
}

void Worker::settle(bool have_moved) {
  if (!have_moved) return take_back();
  for (const Connection& connection : suspended_) {
    if (const auto& route = connection.route()) {
      route->state->active.fetch_sub(1, std::memory_order_relaxed);
    }
    release(connection.client().address, connection.is_unnamed());
  }
  // Without a reason: where they end they are counted by one.
  counters_.ended.add(suspended_.size());
  // Gives back what each has of its route's limits and of the budgets, but leaves no record. Closes
  // our copies of their descriptors: what the kernel does with the last one is the other
  // process's business now.
  suspended_.clear();
}

void Worker::take_back() {
  if (suspended_.empty()) return;
  auto next = suspended_.begin();
  connections_.splice(connections_.end(), suspended_);
  while (next != connections_.end()) {
    Connection& connection = *next++;  // which may end here
    // Its drain may have come to an end meanwhile.
    const auto& route = connection.route();
    if (route && table_->find_by_name(route->spec.name) == nullptr) drain(route);
    connection.go_on(wheel_.deadline_of(connection));
  }
}

void Worker::adopt(MovedConnection moved) {
  const ConnectionFlat flat = moved.state.flat;
  counters_.accepted.add(1);
  if (moved.route) moved.route->state->active.fetch_add(1, std::memory_order_relaxed);
  if (flat.state == static_cast<std::uint8_t>(Connection::State::AwaitingHello)) {
    shared_->hellos.add();
  }
  Connection& connection = connections_.emplace_back(*this, std::move(moved));
  connection.place = std::prev(connections_.end());
  if (!connection.is_unnamed()) shared_->admission.adopt(connection.client().address);
  if (flat.drain_until != 0) drain(connection.route(), time_of(flat.drain_until));
  connection.start_moved(time_of(flat.deadline));
}

void Worker::inherit(const control::Stats& totals) {
  std::uint64_t ended = 0;
  for (const auto& [word, count] : totals.closed) {
    ended += count;
    if (const auto reason = close_reason_of(word)) {
      counters_.closed[static_cast<std::size_t>(*reason)].add(count);
    }
  }
  counters_.accepted.add(ended);
  counters_.ended.add(ended);
  counters_.bytes_to_target.add(totals.bytes_to_target);
  counters_.bytes_to_client.add(totals.bytes_to_client);
  counters_.spliced_bytes.add(totals.spliced_bytes);
}

}  // namespace adit::relay
