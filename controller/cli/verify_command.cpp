// `adit verify HOST`: the certificate that a client gets must be the one that home holds, and the
// relay between them must be blind.
#include <memory>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/net/ip_address.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/key_material.hpp"
#include "controller/cli/proof.hpp"
#include "controller/cli/public_endpoint.hpp"
#include "controller/cli/url.hpp"
#include "controller/probe/certificate.hpp"

namespace adit::cli {

namespace {

constexpr Milliseconds kConnectPatience{10'000};
constexpr Milliseconds kCounterPatience{5'000};
constexpr Milliseconds kCounterInterval{100};

struct VerifyOptions {
  std::string host;
  bool is_outside = false;
  std::string at;
  std::string ca_file;
  std::vector<std::string> key_files;
};

/// Needles of every key, and of how many keys they are.
struct Keys {
  std::vector<Needle> needles;
  std::size_t count = 0;

  void add(std::vector<Needle> more) {
    for (Needle& needle : more) needles.push_back(std::move(needle));
    ++count;
  }
};

/// The keys of --key, which must be readable, and the controller's own where it is.
Attempt<Keys> keys_to_search(const VerifyOptions& options, const Json& status) {
  Keys keys;
  for (const std::string& path : options.key_files) {
    auto needles = needles_of_file(path);
    if (!needles) return give_up(Failure::of(needles.error().within("--key")));
    keys.add(std::move(*needles));
  }
  const std::string state_dir = text_at(status, "state_dir");
  if (state_dir.empty()) return keys;
  if (auto own = needles_of_file(state_dir + "/wireguard.key")) keys.add(std::move(*own));
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
  const auto local = local_listener(member(status, "relay"), port);
  if (!options.is_outside) {
    if (!local) return fail(local.error());
    return std::vector<Endpoint>{*local};
  }
  return resolve(options.host, port != 0 ? port : local ? local->port : std::uint16_t{443});
}

struct ClientView {
  SeenCertificate certificate;
  std::optional<Check> trust;  ///< with --ca
};

/// What a client sees at the first endpoint that answers.
ClientView look_as_client(const VerifyOptions& options, const std::vector<Endpoint>& endpoints) {
  ClientView view;
  for (const Endpoint& endpoint : endpoints) {
    view.certificate.place = endpoint.to_string();
    const auto seen = probe::fetch_certificate(
        {.at = endpoint, .server_name = options.host, .ca_file = options.ca_file},
        {.deadline = SteadyClock::now() + kConnectPatience});
    if (!seen) {
      view.certificate.error = seen.error().what;
      continue;
    }
    view.certificate = {endpoint.to_string(), seen->fingerprint_sha256, seen->subject,
                        seen->issuer,         seen->not_after,          ""};
    if (!options.ca_file.empty()) {
      view.trust =
          seen->is_trusted
              ? Check{"chain_trusted", CheckState::Passed, "verified against " + options.ca_file}
              : Check{"chain_trusted", CheckState::Failed,
                      fmt::format("not by {}: {}", options.ca_file, seen->trust_problem)};
    }
    return view;
  }
  return view;
}

SeenCertificate home_view(const Json& answer) {
  const Json& certificate = member(answer, "certificate");
  return {text_at(answer, "target") + " at " + text_at(answer, "site"),
          text_at(certificate, "fingerprint_sha256"),
          text_at(certificate, "subject"),
          text_at(certificate, "issuer"),
          text_at(certificate, "not_after"),
          text_at(answer, "error")};
}

/// The counters of the route `route`; nothing if the controller has no such route.
std::optional<Relayed> counters_of(ApiClient& api, const std::string& route) {
  const auto item = api.get(with_segment("/v1/routes", route));
  if (!item || !item->contains("bytes_to_target")) return std::nullopt;
  return Relayed{number_at(*item, "bytes_to_target"), number_at(*item, "bytes_to_client")};
}

/// What was relayed since `before`. The controller asks the relay once a second, so this looks
/// again until the counters have moved, or long enough that they will not.
std::optional<Relayed> relayed_since(ApiClient& api, const std::string& route,
                                     const std::optional<Relayed>& before) {
  if (!before) return std::nullopt;
  const TimePoint deadline = SteadyClock::now() + kCounterPatience;
  while (true) {
    const auto now = counters_of(api, route);
    if (!now) return std::nullopt;
    const Relayed since{now->to_target - std::min(now->to_target, before->to_target),
                        now->to_client - std::min(now->to_client, before->to_client)};
    const bool has_both = since.to_target != 0 && since.to_client != 0;
    if (has_both || SteadyClock::now() >= deadline) return since;
    std::this_thread::sleep_for(kCounterInterval);
  }
}

/// Everything that verify needs to know before it connects.
struct Start {
  Json status;
  Json route;  ///< GET /v1/routes/test
  Json home;   ///< GET /v1/hosts/HOST/verify
};

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
  auto home = api.get(with_segment("/v1/hosts", options.host) + "/verify");
  if (!home) return give_up(std::move(home).error());
  start.home = std::move(*home);
  auto status = api.get("/v1/status");
  if (!status) return give_up(std::move(status).error());
  start.status = std::move(*status);
  return start;
}

Attempt<Proof> prove(ApiClient& api, const VerifyOptions& options) {
  auto start = ask_controller(api, options);
  if (!start) return give_up(std::move(start).error());
  auto keys = keys_to_search(options, start->status);
  if (!keys) return give_up(std::move(keys).error());
  const auto port = static_cast<std::uint16_t>(number_at(start->route, "port"));
  const auto endpoints = client_endpoints(options, start->status, port);
  if (!endpoints) return give_up(Failure::of(endpoints.error()));

  Proof proof;
  proof.host = options.host;
  proof.home = home_view(start->home);
  const std::string route = text_at(start->route, "route");
  const auto before = counters_of(api, route);
  const ClientView view = look_as_client(options, *endpoints);
  proof.outside = view.certificate;
  proof.checks.push_back(certificates_check(proof.outside, proof.home));
  if (view.trust) proof.checks.push_back(*view.trust);
  const auto relayed = relayed_since(api, route, before);
  proof.relayed = relayed.value_or(Relayed{});
  proof.checks.push_back(relayed_check(proof.relayed, relayed.has_value()));
  const Json& relay = member(start->home, "relay");
  for (Check& check : inspect_relay({static_cast<pid_t>(number_at(relay, "supervisor_pid")),
                                     static_cast<pid_t>(number_at(relay, "data_pid"))},
                                    std::move(keys->needles), keys->count)) {
    proof.checks.push_back(std::move(check));
  }
  return proof;
}

}  // namespace

Action declare_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  app.add_option("host", options->host, "A real name; a wildcard's hosts too")
      ->type_name("HOST")
      ->required();
  app.add_flag("--outside", options->is_outside,
               "Connect to what the name resolves to, as a visitor does (default: the relay here)");
  app.add_option("--at", options->at, "Connect there instead")->type_name("ADDR:PORT");
  app.add_option(
         "--key", options->key_files,
         "Also search the relay's memory for this private key (PEM, or WireGuard's base64); may be "
         "repeated")
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
    return verdict_of(*proof) == "failed" ? Exit::Failed : Exit::Done;
  };
}

}  // namespace adit::cli
