// `adit route test NAME[:PORT]`: which route a connection would take, and why.
#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/host_name.hpp"
#include "common/net/ip_address.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/text.hpp"
#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

struct RouteOptions {
  std::string name;
  std::string alpn;
};

/// "app.example.com:8443" -> name and port; without digits behind the last ':' there is no port.
std::pair<std::string, std::string> split_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const bool has_colon = colon != std::string::npos && colon + 1 != text.size();
  if (!has_colon || IpAddress::parse(text)) return {text, ""};
  const std::string port = text.substr(colon + 1);
  const bool is_port =
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_port ? std::pair(text.substr(0, colon), port) : std::pair(text, std::string());
}

/// What is wrong with NAME, "" if nothing is. An address is what a client sends that knows no name.
std::string name_fault(const std::string& text) {
  const auto [name, port] = split_port(text);
  if (name.empty() || IpAddress::parse(name)) return "";
  const auto parsed = HostName::parse(name);
  return parsed ? "" : "no client can ask for this name: " + parsed.error().what;
}

Attempt<Exit> run_test(Session& session, const RouteOptions& options) {
  const auto [name, port] = split_port(options.name);
  const auto answer = session.api.get(
      "/v1/routes/test" + query_of({{"name", name}, {"port", port}, {"alpn", options.alpn}}));
  if (!answer) return give_up(answer.error());
  const std::string match = text_at(*answer, "match");
  const Exit exit = match == "none" ? Exit::Failed : Exit::Done;
  if (session.out.is_document()) {
    session.out.document(*answer);
    return exit;
  }
  const Terminal& terminal = session.out.terminal();
  const auto line = [&](const char* title, const std::string& value, Style style = Style::Plain) {
    if (value.empty() || value == "0") return;
    session.out.text(fmt::format("{:<8}{}\n", title, terminal.styled(printable(value), style)));
  };
  line("match", match, exit == Exit::Done ? Style::Good : Style::Bad);
  line("route", text_at(*answer, "route"));
  line("port", text_at(*answer, "port"));
  line("site", text_at(*answer, "site"));
  line("state", text_at(*answer, "site_state"));
  line("target", text_at(*answer, "target"));
  if (const auto told = text_at(*answer, "proxy_protocol"); told != "none") line("PROXY", told);
  line("why", text_at(*answer, "why"));
  return exit;
}

}  // namespace

Action declare_route_test(CLI::App& app) {
  auto options = std::make_shared<RouteOptions>();
  app.add_option("NAME", options->name,
                 "The server name a client would send; NAME:PORT for another port than 443")
      ->required()
      ->check(CLI::Validator(name_fault, ""));
  app.add_option("--alpn", options->alpn, "The protocol that the client would offer (ALPN)")
      ->type_name("PROTOCOL");
  return [options](Session& session) { return run_test(session, *options); };
}

}  // namespace adit::cli
