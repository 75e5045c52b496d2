#include "controller/cli/terminal.hpp"

#include <clocale>
#include <cstdlib>

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace adit::cli {

namespace {

const char* code_of(Style style) {
  switch (style) {
    case Style::Good:
      return "\033[32m";
    case Style::Bad:
      return "\033[31m";
    case Style::Warning:
      return "\033[33m";
    case Style::Weak:
      return "\033[2m";
    case Style::Strong:
      return "\033[1m";
    case Style::Plain:
      break;
  }
  return "";
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value != nullptr ? value : "";
}

std::size_t columns_of(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0U;
}

}  // namespace

std::string Terminal::styled(std::string_view text, Style style) const {
  if (!has_color || style == Style::Plain || text.empty()) return std::string(text);
  return std::string(code_of(style)).append(text).append("\033[0m");
}

Terminal detect_terminal(ColorMode mode) {
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  const std::string_view term = environment("TERM");
  const bool wants_color =
      is_terminal && environment("NO_COLOR").empty() && !term.empty() && term != "dumb";
  std::setlocale(LC_CTYPE, "");  // NOLINT(concurrency-mt-unsafe): one thread, at start
  const std::string_view charset = nl_langinfo(CODESET);
  return {.has_color = mode == ColorMode::Always || (mode == ColorMode::Auto && wants_color),
          .has_utf8 = mode != ColorMode::Never && charset == "UTF-8",
          .width = is_terminal ? columns_of(STDOUT_FILENO) : 0};
}

}  // namespace adit::cli
