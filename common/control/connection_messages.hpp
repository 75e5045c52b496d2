// What the controller asks about single connections: those that live, those that ended, and the end
// of one. Values as in messages.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/net/ip_address.hpp"

namespace adit::control {

/// What the kernel measured on one leg of a connection (tcp(7), TCP_INFO); all 0: not known.
struct Leg {
  std::uint64_t rtt_us = 0;       ///< smoothed round trip
  std::uint64_t retransmits = 0;  ///< segments sent again, ever

  bool operator==(const Leg&) const = default;
};

/// One connection, live or ended.
struct ConnectionRecord {
  std::uint64_t id = 0;  ///< never used twice while the supervisor lives
  Endpoint client;
  std::string host;               ///< as far as the privacy setting allows; empty: none was named
  std::string route;              ///< name of its route; empty: none was found
  Endpoint target;                ///< only with a route and when it was dialled; else port 0
  std::string state;              ///< "relaying"; of an ended one its typed reason, "finished"
  std::uint64_t started_ms = 0;   ///< since 1970
  std::uint64_t duration_ms = 0;  ///< up to now, or to its end
  std::uint64_t connect_us = 0;   ///< from the dial to the target's answer; 0: none came
  std::uint64_t bytes_to_target = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t spliced_bytes = 0;  ///< of both directions
  Leg client_leg;
  Leg target_leg;

  bool operator==(const ConnectionRecord&) const = default;
};

/// Live connections, by ascending id.
struct ConnectionsRequest {
  std::uint64_t after_id = 0;  ///< for the next page: the last id of the one before
  std::uint32_t most = 1000;   ///< at most so many; the relay gives no more than 1000 at a time
  std::string route;           ///< only of this route; empty: of all

  bool operator==(const ConnectionsRequest&) const = default;
};

struct Connections {
  std::vector<ConnectionRecord> connections;
  bool has_more = false;  ///< ask again, after the last id

  bool operator==(const Connections&) const = default;
};

/// Connections that ended, in the order of their ends. The relay keeps the last ones (4096) for
/// whoever asks; each asker keeps its own place, which is one of a log: Records::next and
/// Records::log of the answer before. A relay that was reloaded or restarted keeps a new log.
struct RecordsRequest {
  std::uint64_t from = 0;     ///< 0: from the oldest kept
  std::uint32_t most = 1000;  ///< as in ConnectionsRequest
  std::uint64_t log = 0;      ///< 0: whichever there is; a `from` of another log counts as 0

  bool operator==(const RecordsRequest&) const = default;
};

struct Records {
  std::vector<ConnectionRecord> records;
  std::uint64_t next = 0;  ///< where to go on
  std::uint64_t lost = 0;  ///< ended since `from`, but no longer kept
  /// Of which log they are; never 0, which only a relay of an older version says. Another one than
  /// asked for: this log is told from its oldest record on, and how many of the asker's own were
  /// lost with it nobody knows.
  std::uint64_t log = 0;

  bool operator==(const Records&) const = default;
};

/// Ends one connection at once, with a reset to both sides.
struct Kill {
  std::uint64_t id = 0;

  bool operator==(const Kill&) const = default;
};

struct KillReply {
  bool was_found = false;  ///< false: there is no such connection (any more)

  bool operator==(const KillReply&) const = default;
};

}  // namespace adit::control
