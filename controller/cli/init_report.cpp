#include "controller/cli/init_report.hpp"

#include <fmt/format.h>

#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

std::string site_name(const InitReport& report) {
  return text_at(report.site, "name");
}

bool has_key(const InitReport& report) {
  return !text_at(report.site, "public_key").empty();
}

bool has_target(const InitReport& report) {
  return !text_at(report.site, "target").empty();
}

std::string set_key_command(const InitReport& report) {
  const std::string name = shell_quoted(site_name(report));
  std::string upper = site_name(report);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format("adit site set-key {} PUBLIC-KEY-OF-{}", name, upper);
}

/// The block between two lines that wg-quick takes for comments, so that it may be copied with
/// them.
std::string block_text(const InitReport& report, const Terminal& terminal) {
  const std::string begin = "# ---------- adit.conf begins ----------";
  const std::string end = "# ---------- adit.conf ends ------------";
  std::string config = printable_lines(report.config);
  if (!config.ends_with('\n')) config += '\n';
  return terminal.styled(begin, Style::Weak) + "\n" + config + terminal.styled(end, Style::Weak) +
         "\n";
}

std::string dns_text(const InitReport& report) {
  std::string out;
  for (const DnsRecord& record : report.dns) {
    out += fmt::format("     {}.  {}  {}\n", example_host(report), record.type, record.value);
  }
  return out.empty() ? "     (the public address of this VPS)\n" : out;
}

std::string home_text(const InitReport& report, const Terminal& terminal) {
  const std::string name = printable(site_name(report));
  if (has_key(report)) {
    return fmt::format(
        "3. {} has its key already (state {}). What its gateway needs, should it be "
        "set up anew: adit site config {}\n\n",
        name, printable(text_at(report.site, "state")), name);
  }
  return fmt::format(
             "3. At home, on the machine or router with WireGuard: save this as "
             "/etc/wireguard/adit.conf\n   and do what its first lines say.\n\n") +
         block_text(report, terminal) +
         fmt::format(
             "\n   Then here, with the public half of the key that was made there:\n\n"
             "     {}\n\n",
             set_key_command(report));
}

}  // namespace

std::string example_host(const InitReport& report) {
  return "app." + (report.domain.empty() ? std::string("example.com") : report.domain);
}

std::vector<std::string> next_commands(const InitReport& report) {
  if (report.needs_restart) return {"sudo systemctl restart adit-controller", "adit init"};
  if (!report.site.is_object()) return {"adit init"};
  std::vector<std::string> commands;
  if (!has_key(report)) commands.push_back(set_key_command(report));
  commands.push_back(fmt::format("adit host add {} --site {}{}", example_host(report),
                                 shell_quoted(site_name(report)),
                                 has_target(report) ? "" : " --target IP:443"));
  commands.push_back(fmt::format("adit verify {} --outside", example_host(report)));
  return commands;
}

std::string next_text(const InitReport& report, const Terminal& terminal) {
  const auto commands = next_commands(report);
  std::string out = "\n" + terminal.styled("What is left (steps 3 and 4 of 4)", Style::Strong) +
                    "\n\n" + home_text(report, terminal);
  out += fmt::format("4. {}, these records (once for each name):\n\n{}\n",
                     report.domain.empty() ? "Where the DNS of your domain is kept"
                                           : "Where the DNS of " + report.domain + " is kept",
                     dns_text(report));
  if (report.domain.empty())
    out += "   and here, with a name of yours for app.example.com:\n\n";
  else
    out += "   and here:\n\n";
  for (std::size_t i = commands.size() - 2; i < commands.size(); ++i) {
    out += "     " + commands[i] + "\n";
  }
  return out + "\n   The last one shows the proof that TLS ends at home.\n";
}

Json report_json(const InitReport& report) {
  Json dns = Json::array();
  for (const DnsRecord& record : report.dns) {
    dns.push_back({{"name", example_host(report)}, {"type", record.type}, {"value", record.value}});
  }
  return {{"ready", report.site.is_object()},
          {"checks", findings_json(report.findings)},
          {"settings",
           {{"path", report.settings_path},
            {"written", report.has_written_settings},
            {"needs_restart", report.needs_restart},
            {"detail", report.settings}}},
          {"site", report.site},
          {"change", report.change},
          {"assumption", report.assumption},
          {"wg_quick", report.config},
          {"dns", std::move(dns)},
          {"next", next_commands(report)}};
}

}  // namespace adit::cli
