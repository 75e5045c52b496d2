// What an old data process (the giver) and its successor (the taker) say to each other in a live
// take-over, over a SOCK_SEQPACKET socketpair that the supervisor made: one message is a head, a
// body and descriptors (SCM_RIGHTS).
//
//   giver                       taker
//     Begin    ->                         nobody is accepted here any more: listens from here on
//     Batch    ->  <-  Adopted            suspended connections | they are its own now
//     Totals   ->  <-  Adopted            what was counted, in one or more pieces
//     Done     ->                         the rest, if there is any, stays and drains
//
// Of every batch there is exactly one owner at any time, and the one thing that changes it is that
// the taker's sending of Adopted succeeds:
//
//   giver  Giving  -- Adopted -----------------------> closes its copies; the next batch
//                  -- anything else, end, no answer -> shuts reading (shutdown(2)): an Adopted that
//                     was sent before still counts; no later one can be sent. Without one the
//                     batch goes on here. Ends; what is here drains
//   taker  Taking  -- a good batch, Adopted sent ----> starts it
//                  -- Adopted cannot be sent --------> closes its copies, untouched. Ends
//                  -- anything else, end, silence ---> closes its copies, untouched. Ends
//
// The taker touches no connection before it has sent Adopted, the giver none after it has sent the
// batch until it knows. One that ends does so by closing the socket: nothing is left in flight.
// With another kVersion, or a type that one does not know, it ends in the same way.
//
// The taker listens when it has Begin, or when that does not come: clients wait meanwhile, about a
// millisecond, and two seconds if the giver has stopped.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/unique_fd.hpp"

namespace adit::relay {

enum class TakeoverType : std::uint16_t {
  Begin = 1,    ///< body: TakeoverBegin; if sites are down, then an encoded control::SiteState
  Batch = 2,    ///< body: `count` records of connection_state.hpp
  Adopted = 3,  ///< the answer to Batch and Totals
  Totals = 4,   ///< body: an encoded control::Stats, to be added up
  Done = 5,
};

struct TakeoverHead {
  static constexpr std::uint16_t kVersion = 1;

  std::uint16_t version = kVersion;
  TakeoverType type = TakeoverType::Done;
  std::uint32_t count = 0;
};

struct TakeoverBegin {
  std::uint64_t last_connection_id = 0;
  std::uint64_t connections = 0;  ///< that there are now
};

struct TakeoverMessage {
  TakeoverHead head;
  std::vector<std::uint8_t> body;
  std::vector<UniqueFd> fds;
};

/// How long one waits for the other's next word. They answer at once; a stopped one never.
inline constexpr Milliseconds kTakeoverPatience{2000};

/// Sends one message with `fds` (borrowed, ≤ kMaxBatchFds); waits for room until `deadline`.
/// Errc::System with EPIPE when the other one does not read any more.
Result<void> takeover_send(int socket, const TakeoverHead& head, std::span<const std::uint8_t> body,
                           std::span<const int> fds, TimePoint deadline);

/// The next message. Errc::Unavailable if there is none before `deadline`, Errc::NotFound at the
/// other side's end, Errc::Protocol for another version, or one that did not come whole.
Result<TakeoverMessage> takeover_receive(int socket, TimePoint deadline);

}  // namespace adit::relay
