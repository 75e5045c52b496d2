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

int execute(const Invocation& invocation, std::ostream& out, std::ostream& err) {
  const GlobalOptions& options = invocation.options;
  ApiClient api(options.socket);
  Output output(out, err, options.format, detect_terminal(options.color));
  Session session{api, output};
  const Attempt<Exit> done = invocation.action(session);
  if (!done) output.failure(done.error());
  return static_cast<int>(done ? *done : invocation.command->on_failure);
}

}  // namespace

int run(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const Arguments arguments = parse_arguments(words, default_socket());
  int status = 0;
  if (const auto* help = std::get_if<HelpText>(&arguments)) {
    out << help->text;
  } else if (const auto* wrong = std::get_if<UsageError>(&arguments)) {
    Output(out, err, wrong->options.format, Terminal{})
        .failure(Failure::of(Errc::Invalid, wrong->what));
    status = static_cast<int>(Exit::Usage);
  } else {
    status = execute(std::get<Invocation>(arguments), out, err);
  }
  out.flush();
  // A full disk must not look like success to a script; `adit get hosts | head -1` needs no words.
  if (!out && status == 0) {
    if (errno != EPIPE) err << "adit: cannot write to stdout\n";
    status = static_cast<int>(Exit::Failed);
  }
  return status;
}

}  // namespace adit::cli
