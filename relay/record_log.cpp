#include "relay/record_log.hpp"

#include <algorithm>
#include <utility>

namespace adit::relay {

void RecordLog::add(control::ConnectionRecord record) {
  const std::scoped_lock lock(mutex_);
  if (records_.size() == kKeptRecords) {
    records_.pop_front();
    ++first_;
  }
  records_.push_back(std::move(record));
}

control::Records RecordLog::read(const control::RecordsRequest& request) const {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t end = first_ + records_.size();
  // A place that is yet to come is from another process: it starts anew.
  const std::uint64_t from = request.from > end ? 0 : request.from;
  const std::uint64_t start = std::max(from, first_);
  const std::uint64_t most = std::min<std::uint64_t>(request.most, kMostRecords);
  const std::uint64_t stop = std::min(end, start + most);
  control::Records answer;
  for (std::uint64_t i = start; i < stop; ++i) answer.records.push_back(records_[i - first_]);
  answer.next = stop;
  answer.lost = from == 0 ? 0 : start - from;
  return answer;
}

}  // namespace adit::relay
