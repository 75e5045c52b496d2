// `adit get hosts|sites|routes [NAME]`: one list, four forms.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "controller/cli/command.hpp"
#include "controller/cli/text.hpp"
#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

enum class Form { Text, Number, Bytes, Age, List, State, Targets };

/// One column of a list: the member it shows and how.
struct Field {
  const char* title;
  const char* key;
  Form form = Form::Text;
  bool is_wide = false;  ///< only with -o wide
};

struct Kind {
  const char* path;
  const char* none;  ///< what to say when there is not one
  std::vector<Field> fields;
};

Style style_of_state(const std::string& state) {
  if (state == "ok" || state == "up" || state == "direct" || state == "live") return Style::Good;
  return state == "down" || state == "site-down" || state == "not-live" ? Style::Bad
                                                                        : Style::Warning;
}

std::string joined(const Json& list) {
  std::string out;
  for (const Json& item : list) {
    if (!out.empty()) out += ",";
    out += item.is_string() ? item.get<std::string>() : item.dump();
  }
  return out;
}

/// Several targets with their weights and, `is_wide`, what is known of each; or the only one.
std::string targets_text(const Json& item, bool is_wide) {
  const Json targets = array_at(item, "targets");
  if (targets.size() < 2) return text_at(item, "target");
  std::string out;
  for (const Json& target : targets) {
    if (!out.empty()) out += ", ";
    out += text_at(target, "to");
    const auto weight = number_at(target, "weight");
    if (weight != 0) out += fmt::format("({})", weight);
    const std::string state = text_at(target, "state");
    if (is_wide && !state.empty()) out += " " + state;
  }
  return out;
}

Cell cell_of(const Json& item, const Field& field, bool is_wide) {
  const Json& value = member(item, field.key);
  switch (field.form) {
    case Form::Bytes:
      return {value.is_number() ? bytes_text(number_at(item, field.key)) : ""};
    case Form::Age:
      return {value.is_number() ? age_text(number_at(item, field.key)) + " ago" : ""};
    case Form::List:
      return {joined(array_at(item, field.key))};
    case Form::Targets:
      return {targets_text(item, is_wide)};
    case Form::State: {
      std::string state = text_at(item, field.key);
      const Style style = style_of_state(state);
      return {std::move(state), style};
    }
    case Form::Text:
    case Form::Number:
      break;
  }
  return {text_at(item, field.key)};
}

std::string table_of(const Kind& kind, const Json& items, Format format, const Terminal& terminal) {
  std::vector<Field> shown;
  for (const Field& field : kind.fields) {
    if (!field.is_wide || format == Format::Wide) shown.push_back(field);
  }
  std::vector<Column> columns;
  for (const Field& field : shown) {
    columns.push_back({field.title, field.form == Form::Number || field.form == Form::Bytes});
  }
  Table table(std::move(columns));
  for (const Json& item : items) {
    std::vector<Cell> cells;
    for (const Field& field : shown) cells.push_back(cell_of(item, field, format == Format::Wide));
    table.add(std::move(cells));
  }
  return table.render(terminal);
}

Attempt<Exit> run_get(Session& session, const Kind& kind, const std::string& name) {
  const auto answer =
      session.api.get(name.empty() ? std::string(kind.path) : with_segment(kind.path, name));
  if (!answer) return give_up(answer.error());
  Output& out = session.out;
  if (out.is_document()) {
    out.document(*answer);
    return Exit::Done;
  }
  const Json items = name.empty() ? array_at(*answer, "items") : Json::array({*answer});
  if (out.format() == Format::Name) {
    for (const Json& item : items) out.text(printable(text_at(item, "name")) + "\n");
  } else if (items.empty()) {
    out.note(kind.none);
  } else {
    out.text(table_of(kind, items, out.format(), out.terminal()));
  }
  return Exit::Done;
}

Action declare_get(CLI::App& app, Kind kind) {
  auto name = std::make_shared<std::string>();
  app.add_option("NAME", *name, "Only this one");
  return [kind = std::move(kind), name](Session& session) { return run_get(session, kind, *name); };
}

}  // namespace

Action declare_get_hosts(CLI::App& app) {
  return declare_get(app, {"/v1/hosts",
                           "there are no hosts yet; `adit host add NAME --site SITE` adds one",
                           {{"NAME", "name"},
                            {"SITE", "site"},
                            {"TARGET", "target", Form::Targets},
                            {"PORT", "port"},
                            {"STATE", "state", Form::State},
                            {"OWNER", "owner"},
                            {"PROXY", "proxy_protocol", Form::Text, true},
                            {"DRAIN", "drain", Form::Text, true},
                            {"ACTIVE", "active", Form::Number, true},
                            {"TOTAL", "connections", Form::Number, true},
                            {"TO TARGET", "bytes_to_target", Form::Bytes, true},
                            {"TO CLIENT", "bytes_to_client", Form::Bytes, true}}});
}

Action declare_get_sites(CLI::App& app) {
  return declare_get(app, {"/v1/sites",
                           "there are no sites yet; `adit site add NAME` adds one",
                           {{"NAME", "name"},
                            {"STATE", "state", Form::State},
                            {"ADDRESS", "address"},
                            {"NETWORKS", "networks", Form::List},
                            {"TARGET", "target"},
                            {"OWNER", "owner"},
                            {"HANDSHAKE", "handshake_age_s", Form::Age, true},
                            {"ENDPOINT", "endpoint", Form::Text, true},
                            {"KEEPALIVE", "keepalive", Form::Text, true},
                            {"RECEIVED", "received_bytes", Form::Bytes, true},
                            {"SENT", "sent_bytes", Form::Bytes, true},
                            {"PUBLIC KEY", "public_key", Form::Text, true}}});
}

Action declare_get_routes(CLI::App& app) {
  return declare_get(app, {"/v1/routes",
                           "there are no routes yet; a host makes one",
                           {{"NAME", "name"},
                            {"PORT", "port"},
                            {"TARGET", "target", Form::Targets},
                            {"SITE", "site"},
                            {"STATE", "state", Form::State},
                            {"HTTP", "http", Form::Text, true},
                            {"HTTP TARGET", "http_target", Form::Text, true},
                            {"PROXY", "proxy_protocol", Form::Text, true},
                            {"DRAIN", "drain", Form::Text, true},
                            {"ACTIVE", "active", Form::Number, true},
                            {"TOTAL", "connections", Form::Number, true},
                            {"TO TARGET", "bytes_to_target", Form::Bytes, true},
                            {"TO CLIENT", "bytes_to_client", Form::Bytes, true}}});
}

}  // namespace adit::cli
