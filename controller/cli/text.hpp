// Text on its way to a terminal: what a server (or a file name) says may hold control characters,
// broken UTF-8 or marks that turn the writing direction; none of them may reach the screen. PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace adit::cli {

/// `text` with control characters (C0, DEL, C1), direction marks and bytes that are not UTF-8
/// written as `\xNN` or `\u{NNNN}`; line ends too.
std::string printable(std::string_view text);

/// The same for each line of `text`; its line ends stay.
std::string printable_lines(std::string_view text);

/// True for what must not reach a terminal as it is: control characters and direction marks.
bool is_unprintable(char32_t value);

/// True if all of `text` is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

/// The columns `text` takes on a terminal: East Asian wide characters are 2, combining ones 0.
/// `text` is printable.
std::size_t display_width(std::string_view text);

/// `text` cut to at most `columns`, the cut marked by `ellipsis` where that fits.
std::string fit(std::string_view text, std::size_t columns, std::string_view ellipsis);

/// "0 B", "999 B", "1.2 kB", "3.4 GB": powers of 1000, for people.
std::string bytes_text(std::uint64_t bytes);

/// "25 s", "3 min", "5 h", "12 d": for people.
std::string age_text(std::uint64_t seconds);

/// `word` as one argument of a POSIX shell: quoted only where it needs to be.
std::string shell_quoted(std::string_view word);

}  // namespace adit::cli
