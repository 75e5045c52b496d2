// `adit apply` and `adit diff`: the same files and flags, once done and once only shown.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "controller/cli/change.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/file_set.hpp"

namespace adit::cli {

namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  std::string owner = "cli";
  std::string message;
  bool is_pruning = false;
  bool is_dry_run = false;
};

void add_file_options(CLI::App& app, ApplyOptions& options) {
  app.add_option(
         "-f,--file", options.files,
         "What to read: a file, a folder (its *.yaml and *.yml, at any depth), or - for stdin; "
         "may be repeated")
      ->type_name("FILE|DIR|-")
      ->required()
      ->allow_extra_args(false);
  auto* owner = app.add_option("--owner", options.owner, "Whose resources these are")
                    ->type_name("NAME")
                    ->capture_default_str();
  app.add_flag("--prune", options.is_pruning,
               "Also remove what this owner has and the files do not; needs --owner")
      ->needs(owner);
}

Attempt<Json> send_files(Session& session, const ApplyOptions& options, const char* path,
                         bool only_asks) {
  auto files = read_files(options.files, std::cin);
  if (!files) return give_up(std::move(files).error());
  Json sent = Json::array();
  for (const SourceFile& file : *files) sent.push_back({{"path", file.path}, {"text", file.text}});
  return session.api.send({.method = "POST",
                           .path = path,
                           .body = Json{{"files", std::move(sent)},
                                        {"owner", options.owner},
                                        {"prune", options.is_pruning},
                                        {"dry_run", options.is_dry_run},
                                        {"message", options.message}},
                           .only_asks = only_asks});
}

Attempt<Exit> run_apply(Session& session, const ApplyOptions& options) {
  const auto result = send_files(session, options, "/v1/apply", options.is_dry_run);
  if (!result) return give_up(result.error());
  return print_change(session, *result,
                      options.is_dry_run ? ChangeKind::Planned : ChangeKind::Done);
}

Attempt<Exit> run_diff(Session& session, const ApplyOptions& options) {
  const auto result = send_files(session, options, "/v1/plan", true);
  if (!result) return give_up(result.error());
  print_change(session, *result, ChangeKind::Planned);
  return array_at(*result, "changes").empty() ? Exit::Done : Exit::Failed;
}

}  // namespace

Action declare_apply(CLI::App& app) {
  auto options = std::make_shared<ApplyOptions>();
  add_file_options(app, *options);
  app.add_flag("--dry-run", options->is_dry_run, "Check and show everything, change nothing");
  app.add_option("--message", options->message, "A line for the history")->type_name("TEXT");
  // The answer comes when every local step was tried, and this version has no others.
  app.add_flag("--wait")->description(
      "Wait for what is not done here too (DNS, which is not in this version)");
  return [options](Session& session) { return run_apply(session, *options); };
}

Action declare_diff(CLI::App& app) {
  auto options = std::make_shared<ApplyOptions>();
  add_file_options(app, *options);
  return [options](Session& session) { return run_diff(session, *options); };
}

}  // namespace adit::cli
