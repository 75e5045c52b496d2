// What the terminal (or the file, or the pipe) behind stdout can show.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace adit::cli {

enum class ColorMode { Auto, Always, Never };

enum class Style { Plain, Good, Bad, Warning, Weak, Strong };

struct Terminal {
  bool has_color = false;
  bool has_utf8 = false;  ///< marks such as ✓ may be used
  std::size_t width = 0;  ///< columns; 0: no limit (a file or a pipe)

  /// `text` in `style`; unchanged without colour.
  [[nodiscard]] std::string styled(std::string_view text, Style style) const;

  [[nodiscard]] std::string_view ellipsis() const { return has_utf8 ? "…" : "..."; }
};

/// What stdout is, by isatty(3), TIOCGWINSZ, the locale's character set, NO_COLOR
/// (https://no-color.org) and TERM. `Never` also keeps marks to ASCII.
Terminal detect_terminal(ColorMode mode);

}  // namespace adit::cli
