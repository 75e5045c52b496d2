#include "controller/cli/change.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

Style style_of(const std::string& sign) {
  if (sign == "+") return Style::Good;
  return sign == "-" ? Style::Bad : Style::Warning;
}

/// "+ host app.example.com: to home, 10.30.0.200:443"
std::string change_line(const Json& change, const Terminal& terminal) {
  const std::string sign = text_at(change, "sign");
  std::string line = fmt::format("{} {}", sign, text_at(change, "kind"));
  if (const auto name = text_at(change, "name"); !name.empty()) line += " " + name;
  if (const auto what = text_at(change, "what"); !what.empty()) line += ": " + what;
  return terminal.styled(printable(line), style_of(sign)) + "\n";
}

std::string step_line(const Json& step, const Terminal& terminal) {
  const std::string sign = text_at(step, "sign");
  const std::string line =
      fmt::format("{} {}: {}", sign, text_at(step, "kind"), text_at(step, "what"));
  return terminal.styled(printable(line), style_of(sign)) + "\n";
}

/// "waiting: tunnel: peer mQ7…: no CAP_NET_ADMIN", then the fix.
void note_step(Output& out, const Json& step) {
  std::string line = fmt::format("{}: {}: {}", text_at(step, "state"), text_at(step, "kind"),
                                 text_at(step, "what"));
  if (const auto error = text_at(step, "error"); !error.empty()) line += ": " + error;
  out.note(line);
  if (const auto fix = text_at(step, "fix"); !fix.empty()) out.note("  fix: " + fix);
}

bool is_open(const Json& step) {
  const std::string state = text_at(step, "state");
  return state == "waiting" || state == "failing";
}

/// The command that undoes it; and what no command undoes.
void print_undo(Output& out, const Json& result) {
  const std::string undo = text_at(result, "undo");
  const std::string note = text_at(result, "undo_note");
  if (!undo.empty()) {
    out.text(fmt::format("undo: {}\n", printable(undo)));
    if (!note.empty()) out.note("but: " + note);
  } else if (!note.empty()) {
    out.text(fmt::format("undo: none: {}\n", printable(note)));
  }
}

std::string plan_text(const Json& result, const Terminal& terminal) {
  const Json& steps = array_at(result, "steps");
  if (steps.empty()) return {};
  std::string out = "steps:\n";
  for (const Json& step : steps) out += "  " + step_line(step, terminal);
  return out;
}

}  // namespace

Exit exit_of(const Json& result) {
  const Json& steps = array_at(result, "steps");
  const bool is_failing = std::any_of(steps.begin(), steps.end(), [](const Json& step) {
    return text_at(step, "state") == "failing";
  });
  return is_failing ? Exit::StepsFailing : Exit::Done;
}

bool is_all_done(const Json& result) {
  const Json& steps = array_at(result, "steps");
  return std::none_of(steps.begin(), steps.end(), is_open);
}

Exit print_change(Session& session, const Json& result, ChangeKind kind) {
  Output& out = session.out;
  if (out.is_document()) {
    out.document(result);
    return exit_of(result);
  }
  const Json& changes = array_at(result, "changes");
  for (const Json& change : changes) out.text(change_line(change, out.terminal()));
  if (changes.empty()) {
    out.text(kind == ChangeKind::Planned ? "nothing would change\n" : "nothing to change\n");
  }
  if (kind == ChangeKind::Planned) out.text(plan_text(result, out.terminal()));
  for (const Json& step : array_at(result, "steps")) {
    if (is_open(step)) note_step(out, step);
  }
  for (const Json& warning : array_at(result, "warnings")) {
    if (warning.is_string()) out.note("warning: " + warning.get<std::string>());
  }
  if (kind == ChangeKind::Done) print_undo(out, result);
  return exit_of(result);
}

Attempt<Exit> run_change(Session& session, const Request& request) {
  const auto result = session.api.send(request);
  if (!result) return give_up(result.error());
  return print_change(session, *result, ChangeKind::Done);
}

}  // namespace adit::cli
