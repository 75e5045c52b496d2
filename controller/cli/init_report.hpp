// What `adit init` did and what comes next, as text to follow step by step or as one document.
// PURE.
#pragma once

#include <string>
#include <vector>

#include "controller/cli/init_checks.hpp"
#include "controller/cli/init_values.hpp"

namespace adit::cli {

struct InitReport {
  std::vector<Finding> findings;
  std::string settings_path;
  std::string settings;  ///< what became of it: "nothing to write", "wrote endpoint: …"
  bool has_written_settings = false;
  bool needs_restart = false;  ///< the controller has to read them; nothing below is known yet
  Json site;                   ///< of /v1/sites/NAME; null: not looked at
  Json change;                 ///< the ChangeResult of making it; null: it was there
  std::string assumption;
  std::string config;          ///< the wg-quick block
  std::vector<DnsRecord> dns;  ///< what a name needs
  std::string domain;          ///< empty: example.com stands for it
};

/// "app.example.com": the name that the next commands publish.
std::string example_host(const InitReport& report);

/// The commands that are still to be run here, in order.
std::vector<std::string> next_commands(const InitReport& report);

/// From the block to paste on.
std::string next_text(const InitReport& report, const Terminal& terminal);

/// {"ready","checks","settings":{…},"site","change","wg_quick","dns","next"}
Json report_json(const InitReport& report);

}  // namespace adit::cli
