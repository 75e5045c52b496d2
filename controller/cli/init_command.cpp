// `adit init`: from an installed adit to the first home. Looks at the machine, writes the one
// setting that may be needed, makes the site, and says what to do next. Run again it changes
// nothing that is there.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/host_name.hpp"
#include "controller/cli/change.hpp"
#include "controller/cli/command.hpp"
#include "controller/cli/init_report.hpp"
#include "controller/cli/node_settings.hpp"
#include "controller/cli/questions.hpp"
#include "controller/cli/settled_status.hpp"
#include "controller/cli/text.hpp"
#include "controller/cli/url.hpp"

namespace adit::cli {

namespace {

constexpr const char* kDefaultSettings = "/etc/adit/controller.yaml";
constexpr std::uint16_t kListenPort = 51820;
constexpr Milliseconds kSettle{2000};

struct InitOptions {
  SiteWish site;
  std::string domain;
  std::string endpoint;
  std::string settings = kDefaultSettings;
  bool takes_defaults = false;
  bool is_forced = false;
};

// What is wrong with a value, as one sentence; "" if nothing is.

std::string domain_fault(const std::string& text) {
  const auto name = HostName::parse(text);
  return name ? "" : "not a domain: " + name.error().what;
}

std::string target_fault(const std::string& text) {
  return Endpoint::parse(text) ? "" : "not IP:PORT, like 10.30.0.200:443";
}

std::string network_fault(const std::string& text) {
  const auto prefix = IpPrefix::parse(text);
  return prefix ? "" : prefix.error().what;
}

std::string endpoint_fault(const std::string& text) {
  return is_endpoint(text) ? "" : "not an address or name of this VPS, like 203.0.113.10";
}

CLI::Validator sound(std::string (*fault)(const std::string&)) {
  return CLI::Validator([fault](const std::string& text) { return fault(text); }, "");
}

/// The whole of one run; `Session` and options outlive it.
class Init {
 public:
  Init(Session& session, InitOptions options)
      : api_(session.api), session_(session), out_(session.out), options_(std::move(options)) {
    report_.settings_path = options_.settings;
    may_ask_ = !options_.takes_defaults && !out_.is_document() && can_ask();
  }

  Attempt<Exit> run() {
    look();
    if (has_problem(report_.findings) && (!options_.is_forced || !machine_.status.is_object())) {
      say("\nNothing was changed. Mend what is marked, then run adit init again.\n");
      return finish(Exit::Failed);
    }
    if (auto seen = look_at_site(); !seen) return give_up(seen.error());
    ask_what_is_missing();
    if (auto set = settle_settings(); !set) return give_up(set.error());
    if (report_.needs_restart) return finish(Exit::Done);
    if (!report_.site.is_object()) {
      if (auto made = make_site(); !made) return give_up(made.error());
    }
    if (auto known = learn_the_rest(); !known) return give_up(known.error());
    if (!out_.is_document()) out_.text(next_text(report_, out_.terminal()));
    return finish(report_.change.is_object() ? exit_of(report_.change) : Exit::Done);
  }

 private:
  void say(const std::string& text) {
    if (!out_.is_document()) out_.text(text);
  }

  Exit finish(Exit status) {
    if (out_.is_document()) out_.document(report_json(report_));
    return status;
  }

  void look() {
    // A controller that has just started has not asked the relay yet: it does so at once.
    auto status = settled_status(api_, kSettle, [](const Json& relay) {
      return text_at(relay, "connected") == "true" || !text_at(relay, "problem").empty();
    });
    if (status) {
      machine_.status = std::move(*status);
      machine_.listen_port =
          static_cast<std::uint16_t>(number_at(member(machine_.status, "node"), "listen_port"));
    } else {
      machine_.unreachable = text_at(status.error().problem, "detail");
      machine_.listen_port = kListenPort;
    }
    machine_.facts = look_at_machine(wanted_ports(machine_.listen_port));
    machine_.endpoint = options_.endpoint;
    machine_.may_ask = may_ask_;
    report_.findings = judge(machine_);
    say(out_.terminal().styled("This machine", Style::Strong) + "\n");
    say(findings_text(report_.findings, out_.terminal()));
  }

  void ask_what_is_missing() {
    if (!may_ask_) return;
    say("\n");
    if (known_endpoint(machine_).empty()) {
      options_.endpoint = ask({"Public address of this VPS, as homes reach it", "", endpoint_fault},
                              std::cin, std::cerr);
    }
    if (options_.domain.empty()) {
      options_.domain =
          ask({"Your domain, like example.com", "none yet", domain_fault}, std::cin, std::cerr);
    }
    if (options_.site.target.empty() && !report_.site.is_object()) {
      options_.site.target = ask(
          {"Where TLS ends at home (IP:PORT)", "on its WireGuard machine, port 443", target_fault},
          std::cin, std::cerr);
    }
  }

  [[nodiscard]] std::string site_path() const {
    return with_segment("/v1/sites", options_.site.name);
  }

  /// A site that is there must be what was asked for: it is not changed.
  Attempt<void> look_at_site() {
    auto site = api_.get(site_path());
    if (!site) {
      const bool is_new = text_at(site.error().problem, "code") == to_string(Errc::NotFound);
      return is_new ? Attempt<void>{} : give_up(std::move(site).error());
    }
    if (const auto other = difference(options_.site, *site); !other.empty()) {
      return give_up(Errc::Conflict, other + "; nothing was changed: change it with `adit apply`");
    }
    say(printable(fmt::format("site {} is there already (state {}, address {})", options_.site.name,
                              text_at(*site, "state"), text_at(*site, "address"))) +
        "\n");
    report_.site = std::move(*site);
    return {};
  }

  /// Writes `endpoint:` where it is needed, and has the controller take it over.
  Attempt<void> settle_settings() {
    if (options_.endpoint.empty()) {
      if (known_endpoint(machine_).empty() && !options_.is_forced) {
        return give_up(Errc::Invalid,
                       "the public address of this VPS is needed; nothing was changed: adit init "
                       "--endpoint ADDRESS");
      }
      return told("nothing to write");
    }
    if (is_taken_over())
      return told(fmt::format("nothing to write, {} is known", options_.endpoint));
    const auto text = read_settings(options_.settings);
    if (!text) return give_up(Failure::of(text.error()));
    const SettingsEdit edit = edit_settings(*text, options_.endpoint);
    if (edit.kind == SettingsEdit::Kind::ByHand) {
      return give_up(Errc::Conflict,
                     fmt::format("{}: {}; nothing was changed", options_.settings, edit.why));
    }
    if (edit.kind == SettingsEdit::Kind::Write) {
      if (auto written = write_settings(options_.settings, edit.text); !written) {
        return give_up(Failure::of(cannot_write(written.error())));
      }
      report_.has_written_settings = true;
      return take_over(fmt::format("wrote endpoint: {}", options_.endpoint));
    }
    return take_over(fmt::format("endpoint: {} is there", options_.endpoint));
  }

  [[nodiscard]] Error cannot_write(Error error) const {
    if (error.code == Errc::Denied) {
      error.what += fmt::format(
          "; nothing was changed: run it once as root (sudo adit init "
          "--endpoint {})",
          shell_quoted(options_.endpoint));
    }
    return error;
  }

  [[nodiscard]] bool is_taken_over() const {
    const std::string live = text_at(member(machine_.status, "node"), "endpoint");
    return live == options_.endpoint || endpoint_host(live) == options_.endpoint;
  }

  Attempt<void> told(std::string what) {
    report_.settings = std::move(what);
    say(fmt::format("\n{}: {}\n", printable(options_.settings), printable(report_.settings)));
    return {};
  }

  /// The controller reads its settings when it starts, and a restart disturbs no connection.
  Attempt<void> take_over(const std::string& what) {
    const bool is_units_file = options_.settings == kDefaultSettings;
    if (!is_units_file || !machine_.facts.has_systemd || !is_unit_active()) {
      report_.needs_restart = true;
      say(fmt::format(
          "\n{}: {}\nadit-controller reads it when it starts: restart it (no connection "
          "is disturbed), then run adit init again.\n",
          printable(options_.settings), printable(what)));
      report_.settings = what;
      return {};
    }
    if (auto restarted = restart_unit(); !restarted) {
      return give_up(Failure::of(restarted.error().within(what)));
    }
    auto status = api_.get("/v1/status");
    if (!status) return give_up(std::move(status).error());
    machine_.status = std::move(*status);
    return told(what + ", adit-controller restarted with it");
  }

  Attempt<void> make_site() {
    const auto sites = api_.get("/v1/sites");
    if (!sites) return give_up(sites.error());
    NewSite wanted = new_site(options_.site, machine_.status, array_at(*sites, "items"));
    auto change = api_.send({.method = "PUT",
                             .path = site_path() + query_of({{"message", "adit init"}}),
                             .body = std::move(wanted.document),
                             .headers = {"If-None-Match: *"}});
    if (!change) return give_up(std::move(change).error());
    report_.change = std::move(*change);
    report_.assumption = wanted.assumption;
    if (!out_.is_document()) print_change(session_, report_.change, ChangeKind::Done);
    if (!wanted.assumption.empty()) say(fmt::format("({})\n", wanted.assumption));
    auto site = api_.get(site_path());
    if (!site) return give_up(std::move(site).error());
    report_.site = std::move(*site);
    return {};
  }

  /// What goes to the home, and what the DNS needs.
  Attempt<void> learn_the_rest() {
    auto config = api_.get(site_path() + "/config");
    if (!config) return give_up(std::move(config).error());
    report_.config = text_at(*config, "text");
    report_.dns =
        dns_records(text_at(member(machine_.status, "node"), "endpoint"), machine_.facts.addresses);
    report_.domain = options_.domain;
    return {};
  }

  ApiClient& api_;
  Session& session_;
  Output& out_;
  InitOptions options_;
  InitReport report_;
  Machine machine_;
  bool may_ask_ = false;
};

}  // namespace

Action declare_init(CLI::App& app) {
  auto options = std::make_shared<InitOptions>();
  app.add_option("--domain", options->domain, "Your domain, for the commands that are shown")
      ->type_name("DOMAIN")
      ->check(sound(domain_fault));
  app.add_option("--site", options->site.name, "What to call the home")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--network", options->site.networks,
                 "A network at home that the VPS may reach; may be repeated (default: the target "
                 "alone)")
      ->type_name("CIDR")
      ->allow_extra_args(false)
      ->check(sound(network_fault));
  app.add_option("--target", options->site.target,
                 "Where TLS ends at home (default: its WireGuard machine, port 443)")
      ->type_name("IP:PORT")
      ->check(sound(target_fault));
  app.add_option("--endpoint", options->endpoint,
                 "The public address of this VPS, where it is on none of its interfaces")
      ->type_name("ADDRESS")
      ->check(sound(endpoint_fault));
  app.add_option("--config", options->settings, "The controller's settings")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_flag("--yes", options->takes_defaults, "Ask nothing, take the defaults");
  app.add_flag("--force", options->is_forced, "Go on although something is marked as a problem");
  return [options](Session& session) { return Init(session, *options).run(); };
}

}  // namespace adit::cli
