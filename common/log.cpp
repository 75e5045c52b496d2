#include "common/log.hpp"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <string>

#include <poll.h>
#include <unistd.h>

namespace adit::log {

namespace {

constexpr std::string_view kCutOff = "...";

std::atomic<Level> maximum_level{Level::Info};
std::mutex output;                ///< no other thread takes the room that poll(2) has promised
std::uint64_t dropped_lines = 0;  ///< guarded by `output`

/// "<6>text" and a newline, at most PIPE_BUF bytes.
std::string as_line(Level level, std::string_view text) {
  std::string line = fmt::format("<{}>", static_cast<int>(level));
  line.reserve(line.size() + text.size() + 1);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", byte);
    } else {
      line.push_back(c);
    }
  }
  if (line.size() >= PIPE_BUF) {
    line.resize(PIPE_BUF - 1 - kCutOff.size());
    line += kCutOff;
  }
  line.push_back('\n');
  return line;
}

/// False if stderr does not take the line now. (Another process that holds the same pipe could take
/// its last free page between the two calls; only then would this one wait.)
bool put(const std::string& line) {
  pollfd error_output{STDERR_FILENO, POLLOUT, 0};
  // POLLERR: nobody will ever read that pipe, and a write would bring SIGPIPE.
  if (::poll(&error_output, 1, 0) != 1 || error_output.revents != POLLOUT) return false;
  ssize_t written = -1;
  do {
    written = ::write(STDERR_FILENO, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  return written >= 0;
}

}  // namespace

void set_level(Level level) {
  maximum_level.store(level, std::memory_order_relaxed);
}

bool is_enabled(Level level) {
  return level <= maximum_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view text) {
  if (!is_enabled(level)) return;
  const std::string line = as_line(level, text);
  const std::scoped_lock lock(output);
  if (dropped_lines > 0 &&
      put(as_line(Level::Warning,
                  fmt::format("log: lines dropped, as stderr was full count={}", dropped_lines)))) {
    dropped_lines = 0;
  }
  // After a gap nothing is written before it was told of.
  if (dropped_lines > 0 || !put(line)) ++dropped_lines;
}

}  // namespace adit::log
