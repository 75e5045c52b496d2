#include "common/log.hpp"

#include <atomic>
#include <iterator>
#include <string>

#include <unistd.h>

namespace adit::log {

namespace {
std::atomic<Level> maximum_level{Level::Info};
}

void set_level(Level level) {
  maximum_level.store(level, std::memory_order_relaxed);
}

bool is_enabled(Level level) {
  return level <= maximum_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view line) {
  if (!is_enabled(level)) return;
  std::string text = fmt::format("<{}>", static_cast<int>(level));
  text.reserve(text.size() + line.size() + 1);
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(text), "\\x{:02x}", byte);
    } else {
      text.push_back(c);
    }
  }
  text.push_back('\n');
  // A log line that cannot be written has nowhere to be reported.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace adit::log
