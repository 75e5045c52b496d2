// How the findings of `adit init` are told: lines for people, a list for programs.
#include <fmt/format.h>

#include "controller/cli/init_checks.hpp"
#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

struct Look {
  const char* word;
  const char* utf8;
  const char* ascii;
  Style style;
};

Look look_of(FindingState state) {
  switch (state) {
    case FindingState::Good:
      return {"ok", "✓", "ok ", Style::Good};
    case FindingState::Hint:
      return {"hint", "·", "-  ", Style::Plain};
    case FindingState::Warning:
      return {"warning", "!", "!  ", Style::Warning};
    case FindingState::Problem:
      break;
  }
  return {"problem", "✗", "BAD", Style::Bad};
}

/// "port_443" -> "port 443"
std::string title_of(std::string name) {
  for (char& c : name) {
    if (c == '_') c = ' ';
  }
  return name == "wireguard" ? "WireGuard" : name;
}

}  // namespace

std::string findings_text(const std::vector<Finding>& findings, const Terminal& terminal) {
  std::string out;
  for (const Finding& finding : findings) {
    const Look look = look_of(finding.state);
    out += fmt::format("  {} {:<15} {}\n",
                       terminal.styled(terminal.has_utf8 ? look.utf8 : look.ascii, look.style),
                       title_of(finding.name), printable(finding.detail));
    if (!finding.fix.empty()) out += fmt::format("      fix: {}\n", printable(finding.fix));
  }
  return out;
}

Json findings_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"name", finding.name},
                    {"state", look_of(finding.state).word},
                    {"detail", finding.detail},
                    {"fix", finding.fix}});
  }
  return list;
}

}  // namespace adit::cli
