// RecordLog: one record for each connection that ended, the last kKept of them, for controllers
// that ask. Each asker keeps its own place; what was overwritten meanwhile is counted as lost. A
// process has one log and tells which: a place in that of its predecessor is none in its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "common/control/connection_messages.hpp"

namespace adit::relay {

/// About 400 bytes each: 1.6 MB when full.
inline constexpr std::size_t kKeptRecords = 4096;
/// In one answer, whatever was asked for.
inline constexpr std::uint32_t kMostRecords = 1000;

class RecordLog {
 public:
  /// `name`: of this log, another one than those of the processes before; not 0.
  explicit RecordLog(std::uint64_t name) : name_(name) {}

  /// Any thread.
  void add(control::ConnectionRecord record);

  /// The records from `request.from` on, oldest first; all that are kept where that is no place of
  /// this log. Any thread.
  [[nodiscard]] control::Records read(const control::RecordsRequest& request) const;

 private:
  const std::uint64_t name_;
  mutable std::mutex mutex_;
  std::deque<control::ConnectionRecord> records_;
  std::uint64_t first_ = 1;  ///< the number of records_.front(); 0 is nobody's
};

}  // namespace adit::relay
