#include "controller/cli/proof.hpp"

#include <algorithm>
#include <array>
#include <string_view>

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

struct Title {
  std::string_view name;
  std::string_view title;
};

constexpr std::array<Title, 10> kTitles = {{{"certificates_equal", "same certificate"},
                                            {"chain_trusted", "trusted chain"},
                                            {"bytes_relayed", "bytes relayed"},
                                            {"wireguard_key", "WireGuard's key"},
                                            {"relay_processes", "relay: processes"},
                                            {"relay_libraries", "relay: libraries"},
                                            {"relay_files", "relay: open files"},
                                            {"relay_capabilities", "relay: privileges"},
                                            {"relay_memory", "relay: memory"},
                                            {"relay_contents", "relay: contents"}}};

std::string_view title_of(const std::string& name) {
  const auto* found = std::find_if(kTitles.begin(), kTitles.end(),
                                   [&](const Title& title) { return title.name == name; });
  return found == kTitles.end() ? std::string_view(name) : found->title;
}

std::string indented(const char* title, const std::string& text) {
  return fmt::format("  {:<18} {}\n", title, printable(text));
}

std::string certificate_lines(const char* title, const SeenCertificate& seen) {
  const bool has_one = !seen.fingerprint_sha256.empty();
  return indented(title, seen.place) + indented("", has_one ? seen.fingerprint_sha256 : seen.error);
}

/// The first address with its fingerprint, each other one in a line.
std::string outside_lines(const ClientView& outside) {
  std::string out;
  for (const SeenCertificate& seen : outside.seen) {
    const SeenCertificate& first = outside.seen.front();
    if (out.empty()) {
      out = certificate_lines("seen by a client", first);
    } else if (!seen.error.empty()) {
      out += indented("", fmt::format("{}: {}", seen.place, seen.error));
    } else {
      const bool is_same = seen.fingerprint_sha256 == first.fingerprint_sha256;
      out += indented(
          "", fmt::format("{}: {}", seen.place, is_same ? "the same" : seen.fingerprint_sha256));
    }
  }
  return out;
}

bool is_same(const SeenCertificate& a, const SeenCertificate& b) {
  return !a.fingerprint_sha256.empty() && a.fingerprint_sha256 == b.fingerprint_sha256;
}

/// What speaks against `home` at one address: another certificate, or something that is no TLS.
const SeenCertificate* first_difference(const ClientView& outside, const SeenCertificate& home) {
  const auto found = std::find_if(
      outside.seen.begin(), outside.seen.end(),
      [&](const SeenCertificate& seen) { return !seen.is_silent && !is_same(seen, home); });
  return found == outside.seen.end() ? nullptr : &*found;
}

std::string difference_text(const SeenCertificate& seen, const SeenCertificate& home,
                            const std::string& place) {
  if (seen.fingerprint_sha256.empty()) {
    return fmt::format("a client gets no certificate{}: {}", place, seen.error);
  }
  return fmt::format(
      "a client gets the certificate of {}{} (issued by {}), home shows that of {}: somebody ends "
      "TLS in between (a proxy such as Cloudflare's in front of the name, or a name that leads "
      "elsewhere), or home has several certificates for it",
      seen.subject, place, seen.issuer, home.subject);
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

Check certificates_check(const ClientView& outside, const SeenCertificate& home) {
  constexpr const char* kName = "certificates_equal";
  const std::vector<SeenCertificate>& seen = outside.seen;
  if (seen.empty() || (outside.handshakes() == 0 && seen.front().is_silent)) {
    return {kName, CheckState::Failed,
            "a client gets no certificate: " + (seen.empty() ? "" : seen.front().error)};
  }
  if (home.fingerprint_sha256.empty()) {
    return {kName, CheckState::Failed, "the target shows no certificate: " + home.error};
  }
  if (const SeenCertificate* other = first_difference(outside, home)) {
    const std::string place = seen.size() == 1 ? "" : " at " + other->place;
    return {kName, CheckState::Failed, difference_text(*other, home, place)};
  }
  const std::size_t all = seen.size() + outside.left_out;
  if (outside.handshakes() == all) {
    return {kName, CheckState::Passed,
            fmt::format("a client and home see the same one{}: {}",
                        all == 1 ? "" : fmt::format(" at {} addresses", all), home.subject)};
  }
  return {kName, CheckState::Unchecked,
          fmt::format("not checked everywhere (at {} of {} addresses a client and home see the "
                      "same one: {})",
                      outside.handshakes(), all, home.subject)};
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
  out += outside_lines(proof.outside);
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
  Json addresses = Json::array();
  for (const SeenCertificate& seen : proof.outside.seen) {
    addresses.push_back(certificate_document(seen));
  }
  const SeenCertificate* decisive = first_difference(proof.outside, proof.home);
  const Json first = addresses.empty() ? Json() : addresses.front();
  return {{"host", proof.host},
          {"verdict", verdict_of(proof)},
          {"outside", decisive != nullptr ? certificate_document(*decisive) : first},
          {"addresses", std::move(addresses)},
          {"home", certificate_document(proof.home)},
          {"relayed",
           {{"bytes_to_target", proof.relayed.to_target},
            {"bytes_to_client", proof.relayed.to_client},
            {"connections", proof.relayed.connections},
            {"other_connections", proof.relayed.others}}},
          {"checks", std::move(checks)}};
}

}  // namespace adit::cli
