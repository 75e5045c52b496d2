#include "controller/cli/proof.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

const char* word_of(CheckState state) {
  switch (state) {
    case CheckState::Passed:
      return "passed";
    case CheckState::Failed:
      return "failed";
    case CheckState::Unchecked:
      break;
  }
  return "unchecked";
}

struct Mark {
  const char* utf8;
  const char* ascii;
  Style style;
};

Mark mark_of(CheckState state) {
  switch (state) {
    case CheckState::Passed:
      return {"✓", "ok ", Style::Good};
    case CheckState::Failed:
      return {"✗", "BAD", Style::Bad};
    case CheckState::Unchecked:
      break;
  }
  return {"?", "?  ", Style::Warning};
}

std::string title_of(const std::string& name) {
  if (name == "certificates_equal") return "same certificate";
  if (name == "chain_trusted") return "trusted chain";
  if (name == "bytes_relayed") return "bytes relayed";
  if (name == "relay_libraries") return "relay: libraries";
  if (name == "relay_files") return "relay: open files";
  if (name == "relay_capabilities") return "relay: privileges";
  return name == "relay_memory" ? "relay: memory" : name;
}

std::string certificate_lines(const char* title, const SeenCertificate& seen) {
  std::string out = fmt::format("  {:<18} {}\n", title, printable(seen.place));
  if (seen.fingerprint_sha256.empty()) {
    return out + fmt::format("  {:<18} {}\n", "", printable(seen.error));
  }
  return out + fmt::format("  {:<18} {}\n", "", printable(seen.fingerprint_sha256));
}

Json certificate_document(const SeenCertificate& seen) {
  return {{"place", seen.place},         {"fingerprint_sha256", seen.fingerprint_sha256},
          {"subject", seen.subject},     {"issuer", seen.issuer},
          {"not_after", seen.not_after}, {"error", seen.error}};
}

std::string last_line(const std::string& verdict, const Terminal& terminal) {
  if (verdict == "verified") {
    return terminal.styled("TLS ends at home. The relay forwards bytes that it cannot read.",
                           Style::Good);
  }
  if (verdict == "failed") return terminal.styled("NOT verified: see the lines above.", Style::Bad);
  return terminal.styled("Nothing speaks against it, but not everything could be checked.",
                         Style::Warning);
}

}  // namespace

Check certificates_check(const SeenCertificate& outside, const SeenCertificate& home) {
  constexpr const char* kName = "certificates_equal";
  if (outside.fingerprint_sha256.empty()) {
    return {kName, CheckState::Failed, "a client gets no certificate: " + outside.error};
  }
  if (home.fingerprint_sha256.empty()) {
    return {kName, CheckState::Failed, "the target shows no certificate: " + home.error};
  }
  if (outside.fingerprint_sha256 == home.fingerprint_sha256) {
    return {kName, CheckState::Passed,
            fmt::format("a client and home see the same one: {}", home.subject)};
  }
  return {
      kName, CheckState::Failed,
      fmt::format(
          "a client gets the certificate of {} (issued by {}), home shows that of {}: somebody "
          "ends TLS in between (a proxy such as Cloudflare's in front of the name, or a name that "
          "leads elsewhere), or home has several certificates for it",
          outside.subject, outside.issuer, home.subject)};
}

Check relayed_check(const Relayed& relayed, bool is_known) {
  constexpr const char* kName = "bytes_relayed";
  if (!is_known)
    return {kName, CheckState::Unchecked, "not checked (the relay's counters are not known)"};
  const std::string counts = fmt::format(
      "{} to home, {} to the client", bytes_text(relayed.to_target), bytes_text(relayed.to_client));
  if (relayed.to_target == 0 || relayed.to_client == 0) {
    return {kName, CheckState::Failed, "the connection did not come through this relay: " + counts};
  }
  return {kName, CheckState::Passed, counts};
}

std::string verdict_of(const Proof& proof) {
  const auto has = [&](CheckState state) {
    return std::any_of(proof.checks.begin(), proof.checks.end(),
                       [&](const Check& check) { return check.state == state; });
  };
  if (has(CheckState::Failed)) return "failed";
  return has(CheckState::Unchecked) ? "incomplete" : "verified";
}

std::string proof_text(const Proof& proof, const Terminal& terminal) {
  std::string out = terminal.styled(printable(proof.host), Style::Strong) + "\n";
  out += certificate_lines("seen by a client", proof.outside);
  out += certificate_lines("seen at home", proof.home);
  out += '\n';
  for (const Check& check : proof.checks) {
    const Mark mark = mark_of(check.state);
    out += fmt::format("  {} {:<18} {}\n",
                       terminal.styled(terminal.has_utf8 ? mark.utf8 : mark.ascii, mark.style),
                       title_of(check.name), printable(check.detail));
  }
  return out + "\n  " + last_line(verdict_of(proof), terminal) + "\n";
}

Json proof_document(const Proof& proof) {
  Json checks = Json::array();
  for (const Check& check : proof.checks) {
    checks.push_back(
        {{"name", check.name}, {"state", word_of(check.state)}, {"detail", check.detail}});
  }
  return {{"host", proof.host},
          {"verdict", verdict_of(proof)},
          {"outside", certificate_document(proof.outside)},
          {"home", certificate_document(proof.home)},
          {"relayed",
           {{"bytes_to_target", proof.relayed.to_target},
            {"bytes_to_client", proof.relayed.to_client}}},
          {"checks", std::move(checks)}};
}

}  // namespace adit::cli
