#include "controller/cli/failure.hpp"

#include <fmt/format.h>

#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

/// "adit.yaml:4:11: hosts.app.example.com.site: no site \"hme\""; parts that are unknown are left
/// out.
std::string line_of(const Json& problem) {
  std::string out;
  if (const std::string file = text_at(problem, "file"); !file.empty()) {
    out += file;
    if (const auto line = number_at(problem, "line"); line != 0) {
      out += fmt::format(":{}", line);
      if (const auto column = number_at(problem, "column"); column != 0) {
        out += fmt::format(":{}", column);
      }
    }
    out += ": ";
  }
  if (const std::string path = text_at(problem, "path"); !path.empty()) out += path + ": ";
  return printable(out + text_at(problem, "what"));
}

std::string title_of(Errc code) {
  switch (code) {
    case Errc::Invalid:
      return "Not valid";
    case Errc::NotFound:
      return "Not found";
    case Errc::Denied:
      return "Not permitted";
    case Errc::Unavailable:
      return "Not available";
    case Errc::Conflict:
      return "Conflict";
    case Errc::Protocol:
      return "Unexpected answer";
    case Errc::System:
      return "Refused by the system";
    case Errc::Internal:
      break;
  }
  return "Internal error";
}

}  // namespace

Failure Failure::of(const Error& error) {
  return {Json{{"type", "about:blank"},
               {"title", title_of(error.code)},
               {"detail", error.what},
               {"code", std::string(to_string(error.code))},
               {"problems", Json::array()}}};
}

std::string to_text(const Failure& failure) {
  std::string sentence = printable(text_at(failure.problem, "detail"));
  if (sentence.empty()) sentence = printable(text_at(failure.problem, "title"));
  if (sentence.empty()) sentence = "the controller refused without saying why";
  std::string lines;
  for (const Json& problem : array_at(failure.problem, "problems")) {
    const std::string line = line_of(problem);
    const bool has_place = !text_at(problem, "file").empty();
    // A place in a file stands at the beginning of its line, where editors look for it.
    if (line == sentence && has_place) sentence = "refused; nothing was changed";
    if (line != sentence) lines += line + '\n';
  }
  return fmt::format("adit: {}\n{}", sentence, lines);
}

}  // namespace adit::cli
