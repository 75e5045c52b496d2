#include "relay/pump.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

namespace adit::relay {

namespace {

/// A read of this size or more counts as part of a stream.
constexpr std::size_t kStreamRead = 16 * 1024;
/// So many of them in a row make a stream; one of less than kSmallRead unmakes it by one.
constexpr std::uint8_t kSureness = 4;
constexpr std::uint8_t kSpliceFrom = 2;
constexpr std::size_t kSmallRead = 4 * 1024;
/// For one turn: others wait meanwhile.
constexpr std::size_t kTurnBytes = std::size_t{1} << 20;

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

PumpStatus Pump::run(int source, int sink, const PumpTools& tools, std::uint64_t allowed) {
  const std::uint64_t start = moved_;
  const std::uint64_t read_before = read_;
  const bool was_finished = is_finished_;
  PumpStatus status = PumpStatus::Turn;
  while (status == PumpStatus::Turn && moved_ - start < kTurnBytes) {
    const std::uint64_t left = allowed - (read_ - read_before);
    status = pipe_ && pipe_->held() > 0 ? flush(sink) : step(source, sink, tools, left);
  }
  if (pipe_ && pipe_->held() == 0) tools.pipes->give_back(std::move(pipe_));
  // With bytes in the pipe the source may well be empty: it is the sink that must be waited for.
  is_blocked_ = status == PumpStatus::SinkFull || pipe_;
  if (is_finished_ == was_finished || tools.closes_sink) return status;
  return ::shutdown(sink, SHUT_WR) == 0 ? status : failed(PumpStatus::SinkFailed, errno);
}

void Pump::close(PipePool& pipes) {
  if (pipe_) pipes.give_back(std::move(pipe_));
}

void Pump::restore(const State& state, std::unique_ptr<SplicePipe> pipe) {
  pipe_ = std::move(pipe);
  streaming_ = state.streaming;
  is_blocked_ = state.is_blocked;
  is_finished_ = state.is_finished;
  expects_reset_ = state.expects_reset;
}

PumpStatus Pump::flush(int sink) {
  const IoResult result = pipe_->drain_to(sink);
  if (result.status == IoStatus::WantWrite) return PumpStatus::SinkFull;
  if (result.status != IoStatus::Done) return failed(PumpStatus::SinkFailed, errno);
  moved_ += result.bytes;
  spliced_ += result.bytes;
  return PumpStatus::Turn;
}

/// With nothing held: the next bytes, at most `most` of them, or the end.
PumpStatus Pump::step(int source, int sink, const PumpTools& tools, std::uint64_t most) {
  if (is_finished_) return PumpStatus::Finished;
  if (most == 0) return PumpStatus::Throttled;
  auto scratch = tools.scratch.first(
      static_cast<std::size_t>(std::min<std::uint64_t>(most, tools.scratch.size())));
  if (!pipe_) pipe_ = tools.pipes->lend(tools.now);
  if (!pipe_) return peek(source, sink, scratch);
  scratch = scratch.first(std::min(scratch.size(), pipe_->capacity()));
  if (streaming_ < kSpliceFrom || !tools.may_splice)
    return copy(source, sink, scratch, tools.has_source_ended);
  return splice(source, sink, scratch,
                static_cast<std::size_t>(std::min<std::uint64_t>(most, pipe_->capacity())));
}

/// `scratch` may be shorter than usual: then it is all that is allowed.
PumpStatus Pump::splice(int source, int sink, std::span<std::uint8_t> scratch, std::size_t most) {
  const IoResult in = pipe_->fill_from(source, most);
  // Nothing is held, so the pipe has room; but splice(2) also stops in front of an urgent byte and
  // says the same as at the end. recv(2) steps over it: only its answer is the truth.
  if (in.status == IoStatus::WantRead || in.status == IoStatus::Eof) {
    return copy(source, sink, scratch, false);
  }
  if (in.status == IoStatus::Failed) return failed(PumpStatus::SourceFailed, errno);
  read_ += in.bytes;
  rate(in.bytes, in.bytes == most);
  const PumpStatus status = flush(sink);
  if (status != PumpStatus::Turn || pipe_->held() > 0) return status;
  // A short fill emptied the source: the poll tells of more, without a call that finds nothing.
  return in.bytes < scratch.size() ? PumpStatus::SourceShort : PumpStatus::Turn;
}

PumpStatus Pump::copy(int source, int sink, std::span<std::uint8_t> scratch,
                      bool has_source_ended) {
  const ssize_t count = ::recv(source, scratch.data(), scratch.size(), 0);
  if (count == 0) return finish();
  if (count < 0) return source_status(errno);
  const auto bytes = scratch.first(static_cast<std::size_t>(count));
  read_ += bytes.size();
  rate(bytes.size(), bytes.size() == scratch.size());
  // The FIN follows at once, and goes in the same packet.
  const bool is_last = has_source_ended && bytes.size() < scratch.size();
  const int flags = MSG_NOSIGNAL | (is_last ? MSG_MORE : 0);
  const ssize_t sent = ::send(sink, bytes.data(), bytes.size(), flags);
  if (sent < 0 && !would_block(errno) && errno != EINTR) {
    return failed(PumpStatus::SinkFailed, errno);
  }
  const auto taken = static_cast<std::size_t>(std::max(sent, ssize_t{0}));
  moved_ += taken;
  if (taken < bytes.size()) {
    // Only without memory for pipe pages; bytes are lost, so the connection must end.
    if (!pipe_->put(bytes.subspan(taken))) return failed(PumpStatus::SinkFailed, ENOMEM);
    streaming_ = std::max(streaming_, kSpliceFrom);
    return PumpStatus::Turn;
  }
  if (is_last) return finish();
  return bytes.size() < scratch.size() ? PumpStatus::SourceEmpty : PumpStatus::Turn;
}

PumpStatus Pump::peek(int source, int sink, std::span<std::uint8_t> scratch) {
  const ssize_t count = ::recv(source, scratch.data(), scratch.size(), MSG_PEEK);
  if (count == 0) return finish();
  if (count < 0) return source_status(errno);
  const ssize_t sent = ::send(sink, scratch.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return PumpStatus::Turn;
    return would_block(errno) ? PumpStatus::SinkFull : failed(PumpStatus::SinkFailed, errno);
  }
  // Discards what was sent, without a copy (tcp(7): MSG_TRUNC).
  for (ssize_t left = sent; left > 0;) {
    const ssize_t gone = ::recv(source, scratch.data(), static_cast<std::size_t>(left), MSG_TRUNC);
    if (gone < 0 && errno == EINTR) continue;
    if (gone <= 0) return failed(PumpStatus::SourceFailed, gone < 0 ? errno : ECONNRESET);
    left -= gone;
  }
  read_ += static_cast<std::uint64_t>(sent);
  moved_ += static_cast<std::uint64_t>(sent);
  return PumpStatus::Turn;
}

/// Only called with an empty pipe: the FIN must not overtake bytes.
PumpStatus Pump::finish() {
  if (expects_reset_) return failed(PumpStatus::SourceFailed, ECONNRESET);
  is_finished_ = true;
  return PumpStatus::Finished;
}

PumpStatus Pump::failed(PumpStatus status, int error) {
  error_ = error;
  return status;
}

/// What a read that failed with `error` means.
PumpStatus Pump::source_status(int error) {
  if (error == EINTR) return PumpStatus::Turn;
  return would_block(error) ? PumpStatus::SourceEmpty : failed(PumpStatus::SourceFailed, error);
}

/// `is_cut`: there may have been more, but it was not to be read.
void Pump::rate(std::size_t count, bool is_cut) {
  if (count >= kStreamRead || is_cut) {
    streaming_ = std::min<std::uint8_t>(kSureness, static_cast<std::uint8_t>(streaming_ + 1));
  } else if (count < kSmallRead && streaming_ > 0) {
    --streaming_;
  }
}

}  // namespace adit::relay
