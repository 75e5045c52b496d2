// `adit history`, `adit get revisions` and `adit rollback`.
#include <ctime>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "controller/cli/change.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/user_name.hpp"

namespace adit::cli {

namespace {

/// The local time of a Unix time; a text stays as it is.
std::string time_of(const Json& revision) {
  const Json& value = member(revision, "time");
  if (!value.is_number_integer()) return text_at(revision, "time");
  const auto seconds = static_cast<std::time_t>(value.get<std::int64_t>());
  std::tm local{};
  if (localtime_r(&seconds, &local) == nullptr) return text_at(revision, "time");
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

/// Who asked: the controller records uids, names are for people.
std::string user_of(const Json& revision) {
  const std::string uid = text_at(revision, "uid");
  const std::uint64_t number = number_at(revision, "uid");
  return uid.empty() || number > UINT32_MAX ? uid : user_name(static_cast<std::uint32_t>(number));
}

Attempt<Exit> list_revisions(Session& session, const std::string& wanted) {
  const auto answer = session.api.get("/v1/revisions");
  if (!answer) return give_up(answer.error());
  Table table({{"REVISION", true}, {"TIME"}, {"OWNER"}, {"USER"}, {"CHANGED"}, {"MESSAGE"}});
  std::string names;
  Json kept = Json::array();
  for (const Json& item : array_at(*answer, "items")) {
    const std::string revision = text_at(item, "revision");
    if (!wanted.empty() && revision != wanted) continue;
    table.add({{revision},
               {time_of(item)},
               {text_at(item, "owner")},
               {user_of(item)},
               {text_at(item, "summary")},
               {text_at(item, "message")}});
    names += revision + "\n";
    kept.push_back(item);
    kept.back()["user"] = user_of(item);
  }
  if (!wanted.empty() && kept.empty()) {
    return give_up(Errc::NotFound,
                   fmt::format("there is no revision {}; `adit history` lists them", wanted));
  }
  if (session.out.is_document()) {
    session.out.document(wanted.empty() ? Json{{"items", std::move(kept)}} : kept.front());
  } else if (session.out.format() == Format::Name) {
    session.out.text(names);
  } else if (table.is_empty()) {
    session.out.note("nothing has been changed yet");
  } else {
    session.out.text(table.render(session.out.terminal()));
  }
  return Exit::Done;
}

CLI::Validator a_number() {
  return CLI::Validator(
      [](const std::string& typed) -> std::string {
        const bool is_number = !typed.empty() && typed.size() < 19 &&
                               typed.find_first_not_of("0123456789") == std::string::npos;
        return is_number ? std::string()
                         : "it is the number of a revision; `adit history` lists them";
      },
      "");
}

struct RollbackOptions {
  std::uint64_t revision = 0;
  std::string message;
};

}  // namespace

Action declare_history(CLI::App& /*app*/) {
  return [](Session& session) { return list_revisions(session, ""); };
}

Action declare_get_revisions(CLI::App& app) {
  auto revision = std::make_shared<std::string>();
  app.add_option("REVISION", *revision, "Only this one");
  return [revision](Session& session) { return list_revisions(session, *revision); };
}

Action declare_rollback(CLI::App& app) {
  auto options = std::make_shared<RollbackOptions>();
  app.add_option("REVISION", options->revision,
                 "A revision of `adit history`; sites keep their public keys")
      ->check(a_number())
      ->required();
  app.add_option("--message", options->message, "A line for the history")->type_name("TEXT");
  return [options](Session& session) {
    return run_change(
        session, {.method = "POST",
                  .path = "/v1/rollback",
                  .body = Json{{"revision", options->revision}, {"message", options->message}}});
  };
}

}  // namespace adit::cli
