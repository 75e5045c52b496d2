// One line per event to stderr, with the sd-daemon(3) prefix <3>…<7>: message first, then
// key=value. Control characters are escaped, so no input can forge a second line. Thread-safe: one
// write(2) per line. Only main, daemon, relay and listener log; all other code returns errors.
//
// Nothing waits for a log: while stderr is full (a pipe that nobody reads), lines are dropped and
// counted, and the first line that can be written again is preceded by that count. stderr stays
// blocking, as others may hold it too; a line is never longer than what a writable pipe takes.
#pragma once

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace adit::log {

enum class Level { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };

/// Lines less urgent than `level` are dropped. Process-wide; default Info.
void set_level(Level level);
[[nodiscard]] bool is_enabled(Level level);
/// Writes `text` as one line, or drops it if stderr is full; control characters become \xNN, and
/// what is over PIPE_BUF bytes (4096) is cut off and ends in "...".
void write(Level level, std::string_view text);

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Error, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Warning, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(Level::Info)) write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(Level::Debug)) {
    write(Level::Debug, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace adit::log
