// `adit status`: one screen.
#include <CLI/CLI.hpp>

#include "controller/cli/command.hpp"
#include "controller/cli/status_view.hpp"

namespace adit::cli {

Action declare_status(CLI::App& /*app*/) {
  return [](Session& session) -> Attempt<Exit> {
    const auto status = session.api.get("/v1/status");
    if (!status) return give_up(status.error());
    if (session.out.is_document()) {
      session.out.document(*status);
    } else {
      session.out.text(status_text(*status, session.out.terminal()));
    }
    return Exit::Done;
  };
}

}  // namespace adit::cli
