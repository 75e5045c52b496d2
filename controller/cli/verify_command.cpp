// `adit verify HOST`: the certificate that a client gets must be the one that home holds, and the
// relay between them must be blind.
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/net/ip_address.hpp"
#include "controller/cli/client_view.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/key_material.hpp"
#include "controller/cli/proof.hpp"
#include "controller/cli/public_endpoint.hpp"
#include "controller/cli/relay_counters.hpp"
#include "controller/cli/relay_inspection.hpp"
#include "controller/cli/settled_status.hpp"
#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

/// For all addresses of a name together.
constexpr Milliseconds kClientPatience{20'000};

/// For a relay that has just been started or reloaded.
constexpr Milliseconds kRelaysPatience{5'000};

struct VerifyOptions {
  std::string host;
  bool is_outside = false;
  bool is_strict = false;
  std::string at;
  std::string ca_file;
  std::vector<std::string> key_files;
};

struct Keys {
  std::vector<Needle> needles;
  std::size_t count = 0;     ///< of how many keys they are
  std::optional<Check> gap;  ///< a key that could not be read and so is not searched for

  void add(std::vector<Needle> more) {
    for (Needle& needle : more) needles.push_back(std::move(needle));
    ++count;
  }
};

/// The keys of --key, which must be readable, and the controller's own.
Attempt<Keys> keys_to_search(const VerifyOptions& options, const Json& status) {
  Keys keys;
  for (const std::string& path : options.key_files) {
    auto needles = needles_of_file(path);
    if (!needles) return give_up(Failure::of(needles.error().within("--key")));
    keys.add(std::move(*needles));
  }
  const std::string state_dir = text_at(status, "state_dir");
  if (state_dir.empty()) return keys;
  const std::string path = state_dir + "/wireguard.key";
  if (auto own = needles_of_file(path)) {
    keys.add(std::move(*own));
  } else {
    keys.gap =
        Check{"wireguard_key", CheckState::Unchecked,
              fmt::format("{}: {} is not searched for", unchecked_because(own.error()), path)};
  }
  return keys;
}

/// Where to connect as a client: --at, the name's addresses, or the relay's listener here.
Result<std::vector<Endpoint>> client_endpoints(const VerifyOptions& options, const Json& status,
                                               std::uint16_t port) {
  if (!options.at.empty()) {
    auto endpoint = Endpoint::parse(options.at);
    if (!endpoint) return fail(endpoint.error().within("--at"));
    return std::vector<Endpoint>{*endpoint};
  }
  const Json& relay = member(status, "relay");
  const auto local = local_listener(relay, port);
  if (!options.is_outside) {
    const std::string problem = text_at(relay, "problem");
    if (!local && !problem.empty()) {
      return fail(Errc::Unavailable, fmt::format("the controller has no relay: {}", problem));
    }
    if (!local) return fail(local.error());
    return std::vector<Endpoint>{*local};
  }
  return resolve(options.host, port != 0 ? port : local ? local->port : std::uint16_t{443});
}

SeenCertificate home_view(const Json& answer) {
  const Json& certificate = member(answer, "certificate");
  SeenCertificate seen;
  seen.place = text_at(answer, "target") + " at " + text_at(answer, "site");
  seen.fingerprint_sha256 = text_at(certificate, "fingerprint_sha256");
  seen.subject = text_at(certificate, "subject");
  seen.issuer = text_at(certificate, "issuer");
  seen.not_after = text_at(certificate, "not_after");
  seen.error = text_at(answer, "error");
  return seen;
}

/// Everything that verify needs to know before it connects.
struct Start {
  Json status;
  Json route;  ///< GET /v1/routes/test
  Json home;   ///< GET /v1/hosts/HOST/verify
};

std::uint16_t port_of(const Json& route) {
  return static_cast<std::uint16_t>(number_at(route, "port"));
}

Attempt<Start> ask_controller(ApiClient& api, const VerifyOptions& options) {
  if (options.host.find('*') != std::string::npos) {
    return give_up(Errc::Invalid,
                   fmt::format("{} is a pattern; verify a real name that it serves", options.host));
  }
  Start start;
  auto route = api.get("/v1/routes/test" + query_of({{"name", options.host}}));
  if (!route) return give_up(std::move(route).error());
  if (text_at(*route, "match") == "none") {
    return give_up(Errc::NotFound,
                   fmt::format("no host matches {}: {}", options.host, text_at(*route, "why")));
  }
  start.route = std::move(*route);
  const auto port = port_of(start.route);
  const bool needs_listener = options.at.empty() && !(options.is_outside && port != 0);
  auto status = settled_status(api, kRelaysPatience, [&](const Json& relay) {
    return !needs_listener || local_listener(relay, port).has_value();
  });
  if (!status) return give_up(std::move(status).error());
  start.status = std::move(*status);
  // Last: what is seen at home is to be as young as what a client will see.
  auto home = api.get(with_segment("/v1/hosts", options.host) + "/verify");
  if (!home) return give_up(std::move(home).error());
  start.home = std::move(*home);
  return start;
}

Check unknown_counters(const Failure& why) {
  return {"bytes_relayed", CheckState::Unchecked,
          fmt::format("not checked (the relay's counters are not known: {})",
                      text_at(why.problem, "detail"))};
}

/// Looks at the host as its clients do, and at what the relay counts meanwhile.
void look_from_outside(ApiClient& api, const VerifyOptions& options, const std::string& route,
                       const std::vector<Endpoint>& endpoints, Proof& proof) {
  const auto before = numbers_now(api, route);
  proof.outside = look_as_client(options.host, options.ca_file, endpoints,
                                 SteadyClock::now() + kClientPatience);
  proof.checks.push_back(certificates_check(proof.outside, proof.home));
  if (proof.outside.trust) proof.checks.push_back(*proof.outside.trust);
  const std::size_t ours = proof.outside.handshakes();
  if (!before) {
    proof.checks.push_back(unknown_counters(before.error()));
  } else if (ours == 0) {
    proof.checks.push_back({"bytes_relayed", CheckState::Unchecked,
                            "not checked (there was no handshake to be counted)"});
  } else if (const auto relayed = relayed_since(api, route, *before, ours)) {
    proof.relayed = *relayed;
    proof.checks.push_back(relayed_check(*relayed, ours));
  } else {
    proof.checks.push_back(unknown_counters(relayed.error()));
  }
}

/// The processes that the relay has now: a look from outside takes its time.
ReportedPids pids_now(ApiClient& api) {
  const auto status = api.get("/v1/status");
  if (!status) return {};
  const Json& relay = member(*status, "relay");
  return {static_cast<pid_t>(number_at(relay, "supervisor_pid")),
          static_cast<pid_t>(number_at(relay, "data_pid"))};
}

Attempt<Proof> prove(ApiClient& api, const VerifyOptions& options) {
  auto start = ask_controller(api, options);
  if (!start) return give_up(std::move(start).error());
  auto keys = keys_to_search(options, start->status);
  if (!keys) return give_up(std::move(keys).error());
  const auto endpoints = client_endpoints(options, start->status, port_of(start->route));
  if (!endpoints) return give_up(Failure::of(endpoints.error()));

  Proof proof;
  proof.host = options.host;
  proof.home = home_view(start->home);
  look_from_outside(api, options, text_at(start->route, "route"), *endpoints, proof);
  if (keys->gap) proof.checks.push_back(*keys->gap);
  std::vector<Check> inspected =
      inspect_relay({.pids = pids_now(api),
                     .keys = std::move(keys->needles),
                     .key_count = keys->count,
                     .controllers_places = {api.socket(), text_at(start->status, "state_dir")}});
  std::move(inspected.begin(), inspected.end(), std::back_inserter(proof.checks));
  return proof;
}

Exit exit_of(const std::string& verdict, bool is_strict) {
  const bool is_good = verdict == "verified" || (verdict == "incomplete" && !is_strict);
  return is_good ? Exit::Done : Exit::Failed;
}

}  // namespace

Action declare_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  app.add_option("HOST", options->host, "A real name; a wildcard's hosts too")->required();
  app.add_flag("--outside", options->is_outside,
               "Connect to every address of the name, as visitors do (default: the relay here)");
  app.add_flag(
      "--strict", options->is_strict,
      "Exit 1 also when something could not be checked (lines with \"?\"); without it such "
      "lines leave the exit status 0");
  app.add_option("--at", options->at, "Connect there instead")->type_name("ADDR:PORT");
  app.add_option(
         "--key", options->key_files,
         "Also search the relay's memory and files for this private key (PEM, or WireGuard's "
         "base64); may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--ca", options->ca_file, "Also verify the chain against these certificates")
      ->type_name("FILE");
  return [options](Session& session) -> Attempt<Exit> {
    const auto proof = prove(session.api, *options);
    if (!proof) return give_up(proof.error());
    if (session.out.is_document()) {
      session.out.document(proof_document(*proof));
    } else {
      session.out.text(proof_text(*proof, session.out.terminal()));
    }
    return exit_of(verdict_of(*proof), options->is_strict);
  };
}

}  // namespace adit::cli
