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
  // Who names no log is of an older version: its place is foreign at least if it is yet to come.
  const bool is_foreign = (request.log != 0 && request.log != name_) || request.from > end;
  const std::uint64_t from = is_foreign ? 0 : request.from;
  const std::uint64_t start = std::max(from, first_);
  const std::uint64_t most = std::min<std::uint64_t>(request.most, kMostRecords);
  const std::uint64_t stop = std::min(end, start + most);
  control::Records answer;
  for (std::uint64_t i = start; i < stop; ++i) answer.records.push_back(records_[i - first_]);
  answer.next = stop;
  answer.lost = from == 0 ? 0 : start - from;
  answer.log = name_;
  return answer;
}

}  // namespace adit::relay
