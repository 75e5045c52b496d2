// `adit host add|rm`. After an add the controller tries the target once: a home that answers plain
// HTTP where TLS is needed is the commonest mistake, and the answer is three lines of Caddyfile.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "controller/cli/change.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/host_probe.hpp"
#include "controller/cli/text.hpp"
#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

struct HostOptions {
  std::string name;
  std::string site;
  std::string target;
  int port = 0;
  std::string http;
  std::string http_target;
  std::string drain;
  std::string owner;
  std::string message;
  bool has_no_probe = false;
};

std::string host_path(const HostOptions& options) {
  return with_segment("/v1/hosts", options.name) +
         query_of({{"owner", options.owner}, {"message", options.message}});
}

void add_common(CLI::App& app, HostOptions& options) {
  app.add_option("NAME", options.name,
                 "The name, or \"*.example.com\" for every name one label below")
      ->required();
  app.add_option("--owner", options.owner, "Whose it is (default cli)")->type_name("NAME");
  app.add_option("--message", options.message, "A line for the history")->type_name("TEXT");
}

Json document_of(const HostOptions& options) {
  Json document = {{"site", options.site}};
  if (!options.target.empty()) document["target"] = options.target;
  if (options.port != 0) document["port"] = options.port;
  if (!options.http.empty()) document["http"] = options.http;
  if (!options.http_target.empty()) document["http_target"] = options.http_target;
  if (!options.drain.empty()) document["drain"] = options.drain;
  return document;
}

/// A host that is there is not changed by `host add`.
std::string retarget_command(const HostOptions& options) {
  const std::string name = shell_quoted(options.name);
  const std::string owner = options.owner.empty() ? "" : " --owner " + shell_quoted(options.owner);
  std::string add =
      fmt::format("adit host add {} --site {} --target IP:443", name, shell_quoted(options.site));
  if (options.port != 0) add += fmt::format(" --port {}", options.port);
  if (!options.http.empty()) add += " --http " + shell_quoted(options.http);
  if (!options.http_target.empty()) add += " --http-target " + shell_quoted(options.http_target);
  if (!options.drain.empty()) add += " --drain " + shell_quoted(options.drain);
  return fmt::format("adit host rm {}{} && {}{}", name, owner, add, owner);
}

Attempt<Exit> run_add(Session& session, const HostOptions& options) {
  auto result = session.api.send({.method = "PUT",
                                  .path = host_path(options),
                                  .body = document_of(options),
                                  .headers = {"If-None-Match: *"}});
  if (!result) return give_up(std::move(result).error());
  // What is not live yet cannot answer, and that would be no news of the target.
  if (options.has_no_probe || !is_all_done(*result)) {
    return print_change(session, *result, ChangeKind::Done);
  }
  const auto probe = probe_host(session.api, options.name);
  if (probe) (*result)["probe"] = *probe;
  const Exit exit = print_change(session, *result, ChangeKind::Done);
  if (!probe) {
    session.out.note("note: the target was not tried: " + text_at(probe.error().problem, "detail"));
    return exit;
  }
  for (const auto& line : probe_advice(options.name, *probe, retarget_command(options))) {
    session.out.note(line);
  }
  return exit;
}

}  // namespace

Action declare_host_add(CLI::App& app) {
  auto options = std::make_shared<HostOptions>();
  add_common(app, *options);
  app.add_option("--site", options->site, "The home it is at, or `direct`")
      ->type_name("SITE")
      ->required();
  app.add_option("--target", options->target, "Where TLS ends at home (default: the site's target)")
      ->type_name("IP:PORT");
  app.add_option("--port", options->port, "Public port (default: the relay's https_port)")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535).description(""));
  app.add_option("--http", options->http, "What becomes of plain HTTP (default redirect, to https)")
      ->type_name("redirect|forward|off");
  app.add_option("--http-target", options->http_target,
                 "Where plain HTTP and ACME challenges lead (default the target's port 80)")
      ->type_name("IP:PORT");
  app.add_option("--drain", options->drain,
                 "How long connections may go on once the host is removed (default 5s)")
      ->type_name("DURATION");
  app.add_flag("--no-probe", options->has_no_probe, "Do not try the target afterwards");
  return [options](Session& session) { return run_add(session, *options); };
}

Action declare_host_remove(CLI::App& app) {
  auto options = std::make_shared<HostOptions>();
  add_common(app, *options);
  return [options](Session& session) {
    return run_change(session, {.method = "DELETE", .path = host_path(*options)});
  };
}

}  // namespace adit::cli
