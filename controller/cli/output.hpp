// Where a command's words go: its result to stdout in the form asked for, everything about it
// (warnings, hints, what waits) to stderr, so that stdout can always be piped on.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "controller/cli/failure.hpp"
#include "controller/cli/table.hpp"
#include "controller/cli/terminal.hpp"

namespace adit::cli {

enum class Format { Table, Wide, JsonText, YamlText, Name };

class Output {
 public:
  /// The streams must outlive this object.
  Output(std::ostream& out, std::ostream& err, Format format, Terminal terminal)
      : out_(out), err_(err), format_(format), terminal_(terminal) {}

  [[nodiscard]] Format format() const { return format_; }

  [[nodiscard]] const Terminal& terminal() const { return terminal_; }

  /// True for json and yaml: the document is the whole answer, and stderr stays silent unless the
  /// command failed.
  [[nodiscard]] bool is_document() const {
    return format_ == Format::JsonText || format_ == Format::YamlText;
  }

  /// The document as JSON or YAML, to stdout.
  void document(const Json& document);
  /// Text made by adit, to stdout as it is.
  void text(std::string_view text);
  /// A line to stderr, made printable; silent when a document was asked for.
  void note(std::string_view line);
  /// A failure to stderr: text, or the problem document in the form asked for.
  void failure(const Failure& failure);

 private:
  std::ostream& out_;
  std::ostream& err_;
  Format format_;
  Terminal terminal_;
};

}  // namespace adit::cli
