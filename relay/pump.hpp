// One direction of a relayed connection: source socket -> sink socket, with FIN passed on as FIN.
//
// Small talk goes by recv and send through the worker's scratch buffer. Once a direction streams,
// or the sink takes less than was read, bytes go by splice(2) through a borrowed pipe; the pipe
// goes back as soon as it is empty, so an idle direction holds nothing. Where no pipe is to be had,
// bytes stay in the source's receive queue until the sink has taken them (MSG_PEEK): this object
// never holds bytes in user space.
//
// An urgent byte (MSG_OOB) is left out, as TLS has no use for it; all bytes around it pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "common/clock.hpp"
#include "relay/pipe_pool.hpp"
#include "relay/splice_pipe.hpp"

namespace adit::relay {

/// What a worker lends to all its pumps.
struct PumpTools {
  PipePool* pipes;
  std::span<std::uint8_t> scratch;  ///< kSmallPipe bytes; kLargePipe where nothing is spliced
  TimePoint now;
  bool may_splice = true;  ///< else a pipe only takes what the sink leaves over
  /// The FIN of the source is known to be in its queue: a read of less than was asked for is the
  /// last.
  bool has_source_ended = false;
  /// Who calls closes the sink when this direction has ended, which says FIN as well.
  bool closes_sink = false;
};

enum class PumpStatus : std::uint8_t {
  SourceEmpty,  ///< wait until the source is readable: a read has just found nothing more
  SourceShort,  ///< likewise, but splice(2) may have stopped for another reason
  SinkFull,     ///< wait until the sink is writable
  Turn,         ///< others' turn; there may be more
  Throttled,    ///< what was allowed has been read; there may be more
  Finished,     ///< the FIN of the source was passed on
  SourceFailed,
  SinkFailed,
};

class Pump {
 public:
  /// So many bytes are allowed that nobody counts them.
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  /// Moves bytes until there is a reason to stop; reads at most `allowed` from the source. What was
  /// read before passes at any rate.
  PumpStatus run(int source, int sink, const PumpTools& tools, std::uint64_t allowed = kUnlimited);

  /// From here on the end of the source counts as its failure: its reset was seen elsewhere, and
  /// the FIN that it looks like must not be passed on.
  void expect_reset() { expects_reset_ = true; }

  /// Nothing is read from the source any more, and no FIN passed on. Before the first run.
  void stop() { is_finished_ = true; }

  /// Gives back what is borrowed. Must be called before the end.
  void close(PipePool& pipes);

  /// The sink is what is waited for (there are bytes for it that it does not take).
  [[nodiscard]] bool is_blocked() const { return is_blocked_; }

  /// All of the source's bytes and its FIN were passed on; it will never be readable again.
  [[nodiscard]] bool is_finished() const { return is_finished_; }

  /// The errno of SourceFailed or SinkFailed, as far as it is known.
  [[nodiscard]] int error() const { return error_; }

  /// What a pump is besides its pipe, between two runs; for a successor (connection_state.hpp). A
  /// member that is new in Pump and lives longer than a run belongs here, too.
  struct State {
    std::uint8_t streaming = 0;
    bool is_blocked = false;
    bool is_finished = false;
    bool expects_reset = false;
  };

  [[nodiscard]] State state() const {
    return {streaming_, is_blocked_, is_finished_, expects_reset_};
  }

  /// The pipe with the bytes that the sink has not taken yet; null: there are none.
  [[nodiscard]] const SplicePipe* pipe() const { return pipe_.get(); }

  /// Makes this pump, which is new, one that was in `state` with `pipe` (lent, or null).
  void restore(const State& state, std::unique_ptr<SplicePipe> pipe);

  /// Bytes that the sink took since the last call.
  [[nodiscard]] std::uint64_t take_moved() { return std::exchange(moved_, 0); }

  /// Bytes that were read from the source since the last call.
  [[nodiscard]] std::uint64_t take_read() { return std::exchange(read_, 0); }

  /// Of those that the sink took, the ones that went by splice.
  [[nodiscard]] std::uint64_t take_spliced() { return std::exchange(spliced_, 0); }

 private:
  PumpStatus flush(int sink);
  PumpStatus step(int source, int sink, const PumpTools& tools, std::uint64_t most);
  PumpStatus splice(int source, int sink, std::span<std::uint8_t> scratch, std::size_t most);
  PumpStatus copy(int source, int sink, std::span<std::uint8_t> scratch, bool has_source_ended);
  PumpStatus peek(int source, int sink, std::span<std::uint8_t> scratch);
  PumpStatus finish();
  PumpStatus failed(PumpStatus status, int error);
  PumpStatus source_status(int error);
  void rate(std::size_t count, bool is_cut);

  std::unique_ptr<SplicePipe> pipe_;
  std::uint64_t read_ = 0;
  std::uint64_t moved_ = 0;
  std::uint64_t spliced_ = 0;
  int error_ = 0;
  std::uint8_t streaming_ = 0;  ///< how surely this direction streams, 0..kSureness
  bool is_blocked_ = false;
  bool is_finished_ = false;
  bool expects_reset_ = false;
};

}  // namespace adit::relay
