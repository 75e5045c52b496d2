// `adit site add|rm|set-key|config`.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "controller/cli/change.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/text.hpp"
#include "controller/cli/url.hpp"
#include "controller/cli/words.hpp"

namespace adit::cli {

namespace {

struct SiteOptions {
  std::string name;
  std::vector<std::string> networks;
  std::string public_key;
  std::string target;
  std::string keepalive;
  std::string address;
  std::string owner;
  std::string message;
  std::string format = "wg-quick";
};

std::string site_path(const SiteOptions& options) {
  return with_segment("/v1/sites", options.name) +
         query_of({{"owner", options.owner}, {"message", options.message}});
}

void add_common(CLI::App& app, SiteOptions& options) {
  app.add_option("--owner", options.owner, "Whose it is (default cli)")->type_name("NAME");
  app.add_option("--message", options.message, "A line for the history")->type_name("TEXT");
}

Json document_of(const SiteOptions& options) {
  Json document = Json::object();
  if (!options.networks.empty()) document["networks"] = options.networks;
  if (!options.public_key.empty()) document["public_key"] = options.public_key;
  if (!options.target.empty()) document["target"] = options.target;
  if (!options.keepalive.empty()) document["keepalive"] = options.keepalive;
  if (!options.address.empty()) document["address"] = options.address;
  return document;
}

Attempt<Exit> run_add(Session& session, const SiteOptions& options) {
  auto done = run_change(session, {.method = "PUT",
                                   .path = site_path(options),
                                   .body = document_of(options),
                                   .headers = {"If-None-Match: *"}});
  if (!done) return done;
  const std::string name = shell_quoted(options.name);
  session.out.note(
      fmt::format("next: adit site config {} --format wg-quick   (for its gateway)", name));
  if (options.public_key.empty()) {
    session.out.note(fmt::format("then: adit site set-key {} KEY   (its public key)", name));
  }
  return done;
}

Attempt<Exit> run_config(Session& session, const SiteOptions& options) {
  const auto answer = session.api.get(with_segment("/v1/sites", options.name) + "/config" +
                                      query_of({{"format", options.format}}));
  if (!answer) return give_up(answer.error());
  if (session.out.is_document()) {
    session.out.document(*answer);
    return Exit::Done;
  }
  session.out.text(printable_lines(text_at(*answer, "text")));
  for (const Json& note : array_at(*answer, "notes")) {
    if (note.is_string()) session.out.note("note: " + note.get<std::string>());
  }
  return Exit::Done;
}

}  // namespace

Action declare_site_add(CLI::App& app) {
  auto options = std::make_shared<SiteOptions>();
  app.add_option("NAME", options->name, "What to call the home: letters, digits and '-'")
      ->required();
  app.add_option("--network", options->networks, "A network behind its gateway; may be repeated")
      ->type_name("CIDR")
      ->allow_extra_args(false);
  app.add_option("--public-key", options->public_key,
                 "Its WireGuard public key; without one the site waits for `adit site set-key`")
      ->type_name("KEY");
  app.add_option("--target", options->target, "Where its hosts go unless they say otherwise")
      ->type_name("IP:PORT");
  app.add_option("--keepalive", options->keepalive,
                 "WireGuard's persistent keepalive (default 25s)")
      ->type_name("DURATION");
  app.add_option("--address", options->address, "Its tunnel address (default: the next free one)")
      ->type_name("IP");
  add_common(app, *options);
  return [options](Session& session) { return run_add(session, *options); };
}

Action declare_site_remove(CLI::App& app) {
  auto options = std::make_shared<SiteOptions>();
  app.add_option("NAME", options->name, "The site")->required();
  add_common(app, *options);
  return [options](Session& session) {
    return run_change(session, {.method = "DELETE", .path = site_path(*options)});
  };
}

Action declare_site_set_key(CLI::App& app) {
  auto options = std::make_shared<SiteOptions>();
  app.add_option("NAME", options->name, "The site")->required();
  app.add_option("KEY", options->public_key,
                 "Its WireGuard public key (`wg show adit0 public-key` there)")
      ->required();
  add_common(app, *options);
  return [options](Session& session) {
    return run_change(session, {.method = "PATCH",
                                .path = site_path(*options),
                                .body = Json{{"public_key", options->public_key}}});
  };
}

Action declare_site_config(CLI::App& app) {
  auto options = std::make_shared<SiteOptions>();
  app.add_option("NAME", options->name, "The site")->required();
  app.add_option("--format", options->format, "For which system; wg-quick is the default")
      ->type_name("wg-quick")
      ->check(one_of({"wg-quick"}));
  return [options](Session& session) { return run_config(session, *options); };
}

}  // namespace adit::cli
