#include "controller/cli/run.hpp"

#include <cerrno>
#include <cstdlib>
#include <ostream>

#include "controller/cli/arguments.hpp"

namespace adit::cli {

namespace {

std::string default_socket() {
  const char* named = std::getenv("ADIT_SOCKET");  // NOLINT(concurrency-mt-unsafe): one thread
  return named != nullptr && *named != '\0' ? named : kDefaultSocket;
}

struct Outcome {
  Exit status = Exit::Done;
  bool has_changed = false;  ///< the status stands, whatever becomes of the words
};

Outcome execute(const Invocation& invocation, std::ostream& out, std::ostream& err) {
  const GlobalOptions& options = invocation.options;
  ApiClient api(options.socket);
  Output output(out, err, options.format, detect_terminal(options.color));
  Session session{api, output};
  const Attempt<Exit> done = invocation.action(session);
  if (!done) output.failure(done.error());
  return {done ? *done : invocation.command->on_failure, api.has_changed()};
}

}  // namespace

int run(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const Arguments arguments = parse_arguments(words, default_socket());
  Outcome outcome;
  if (const auto* help = std::get_if<HelpText>(&arguments)) {
    out << help->text;
  } else if (const auto* wrong = std::get_if<UsageError>(&arguments)) {
    Output(out, err, wrong->options.format, Terminal{})
        .failure(Failure::of(Errc::Invalid, wrong->what));
    outcome.status = Exit::Usage;
  } else {
    outcome = execute(std::get<Invocation>(arguments), out, err);
  }
  out.flush();
  // A full disk must not look like success to a script, nor a change that was made like one that
  // was not; `adit get hosts | head -1` needs no words.
  if (!out && outcome.status == Exit::Done) {
    if (errno != EPIPE) err << "adit: cannot write to stdout\n";
    if (!outcome.has_changed) outcome.status = Exit::Failed;
  }
  return static_cast<int>(outcome.status);
}

}  // namespace adit::cli
