#include "controller/cli/status_view.hpp"

#include <fmt/format.h>

#include "controller/cli/table.hpp"
#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

Style style_of(const std::string& state) {
  if (state == "up" || state == "ok" || state == "direct") return Style::Good;
  return state == "down" || state == "site-down" || state == "not-live" ? Style::Bad
                                                                        : Style::Warning;
}

std::string headline(const Json& status, const Terminal& terminal) {
  const bool is_ok = text_at(status, "status") == "ok";
  return fmt::format("{}  adit {}, revision {}\n",
                     terminal.styled(is_ok ? "OK" : "DEGRADED", is_ok ? Style::Good : Style::Bad),
                     printable(text_at(status, "version")), number_at(status, "revision"));
}

std::string node_line(const Json& node) {
  const std::string implementation = text_at(node, "implementation");
  if (implementation.empty() || implementation == "none") return "node   no tunnel in use\n";
  std::string line =
      fmt::format("node   {} ({}), UDP port {}, public key {}", text_at(node, "interface"),
                  implementation, text_at(node, "listen_port"), text_at(node, "public_key"));
  if (const auto endpoint = text_at(node, "endpoint"); !endpoint.empty()) {
    line += fmt::format(", homes call {}", endpoint);
  }
  return printable(line) + "\n";
}

/// "[::]:443" or "[::]:80 (HTTP)", with the port that the kernel chose.
std::string listener_text(const Json& listener) {
  const std::string address = text_at(listener, "address");
  const bool is_v6 = address.find(':') != std::string::npos;
  const std::uint64_t bound = number_at(listener, "bound_port");
  const bool is_http = text_at(listener, "protocol") == "http";
  const std::string where =
      fmt::format(fmt::runtime(is_v6 ? "[{}]:{}{}" : "{}:{}{}"), address,
                  bound != 0 ? bound : number_at(listener, "port"), is_http ? " (HTTP)" : "");
  if (bound != 0) return where;
  const std::string problem = text_at(listener, "problem");
  return fmt::format("{} (not open: {})", where, problem.empty() ? "not bound yet" : problem);
}

/// "seccomp is off (an option of adit-relay), this kernel has no landlock"; empty: all is on.
std::string sandbox_text(const Json& sandbox) {
  std::string out;
  for (const char* part : {"seccomp", "landlock"}) {
    const std::string state = text_at(sandbox, part);
    if (state != "off" && state != "missing") continue;
    out += out.empty() ? "" : ", ";
    out += state == "off" ? fmt::format("{} is off (an option of adit-relay)", part)
                          : fmt::format("this kernel has no {}", part);
  }
  return out;
}

std::string relay_lines(const Json& relay) {
  if (member(relay, "connected") != true) {
    const std::string problem = text_at(relay, "problem");
    return printable(
               fmt::format("relay  not connected{}{}", problem.empty() ? "" : ": ", problem)) +
           "\n";
  }
  std::string line = fmt::format(
      "relay  connected, {} active of at most {}, {} accepted, {} to targets, {} to clients",
      number_at(relay, "active"), number_at(member(relay, "limits"), "connections"),
      number_at(relay, "accepted"), bytes_text(number_at(relay, "bytes_to_target")),
      bytes_text(number_at(relay, "bytes_to_client")));
  std::string out = printable(line) + "\n";
  std::string listeners;
  for (const Json& listener : array_at(relay, "listeners")) {
    listeners += (listeners.empty() ? "" : ", ") + listener_text(listener);
  }
  if (!listeners.empty()) out += "       listens on " + printable(listeners) + "\n";
  if (const auto sandbox = sandbox_text(member(relay, "sandbox")); !sandbox.empty()) {
    out += "       sandbox: " + printable(sandbox) + "\n";
  }
  if (const auto problem = text_at(relay, "problem"); !problem.empty()) {
    out += "       " + printable(problem) + "\n";
  }
  return out;
}

std::string sites_table(const Json& sites, const Terminal& terminal) {
  Table table({{"SITE"},
               {"STATE"},
               {"HANDSHAKE"},
               {"ENDPOINT"},
               {"ADDRESS"},
               {"RECEIVED", true},
               {"SENT", true},
               {"HOSTS", true}});
  for (const Json& site : sites) {
    const std::string state = text_at(site, "state");
    const bool has_age = member(site, "handshake_age_s").is_number();
    table.add({{text_at(site, "name")},
               {state, style_of(state)},
               {has_age ? age_text(number_at(site, "handshake_age_s")) + " ago" : ""},
               {text_at(site, "endpoint")},
               {text_at(site, "address")},
               {bytes_text(number_at(site, "received_bytes"))},
               {bytes_text(number_at(site, "sent_bytes"))},
               {text_at(site, "hosts")}});
  }
  return table.is_empty() ? std::string() : "\n" + table.render(terminal);
}

std::string hosts_table(const Json& hosts, const Terminal& terminal) {
  Table table({{"HOST"},
               {"STATE"},
               {"SITE"},
               {"TARGET"},
               {"PORT", true},
               {"ACTIVE", true},
               {"TOTAL", true},
               {"TO TARGET", true},
               {"TO CLIENT", true}});
  for (const Json& host : hosts) {
    const std::string state = text_at(host, "state");
    table.add({{text_at(host, "name")},
               {state, style_of(state)},
               {text_at(host, "site")},
               {text_at(host, "target")},
               {text_at(host, "port")},
               {text_at(host, "active")},
               {text_at(host, "connections")},
               {bytes_text(number_at(host, "bytes_to_target"))},
               {bytes_text(number_at(host, "bytes_to_client"))}});
  }
  return table.is_empty() ? std::string() : "\n" + table.render(terminal);
}

std::string wrong_line(const std::string& what, const Json& source, const Terminal& terminal) {
  std::string out =
      terminal.styled(terminal.has_utf8 ? "✗" : "!", Style::Bad) + " " + printable(what) + "\n";
  if (const auto fix = text_at(source, "fix"); !fix.empty())
    out += "  fix: " + printable(fix) + "\n";
  return out;
}

std::string wrong_lines(const Json& status, const Terminal& terminal) {
  std::string out;
  for (const Json& problem : array_at(status, "problems")) {
    out += wrong_line(text_at(problem, "what"), problem, terminal);
  }
  for (const Json& step : array_at(status, "steps")) {
    std::string what = fmt::format("{}: {}: {}", text_at(step, "state"), text_at(step, "kind"),
                                   text_at(step, "what"));
    if (const auto error = text_at(step, "error"); !error.empty()) what += ": " + error;
    out += wrong_line(what, step, terminal);
  }
  return out.empty() ? out : "\n" + out;
}

}  // namespace

std::string status_text(const Json& status, const Terminal& terminal) {
  return headline(status, terminal) + node_line(member(status, "node")) +
         relay_lines(member(status, "relay")) + sites_table(array_at(status, "sites"), terminal) +
         hosts_table(array_at(status, "hosts"), terminal) + wrong_lines(status, terminal);
}

}  // namespace adit::cli
