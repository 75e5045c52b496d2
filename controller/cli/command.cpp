#include "controller/cli/command.hpp"

#include <array>
#include <string_view>

namespace adit::cli {

namespace {

constexpr std::array kTable = {
    Command{"init", "Look at this machine, make the first site, and say what comes next",
            "adit init --domain example.com", Formats::Document, declare_init},
    Command{"status", "One screen: is it well, what is wrong, and the fix", "adit status",
            Formats::Document, declare_status},
    Command{"apply", "Make what the files say the wanted state of their owner",
            "adit apply -f /etc/adit/sites --owner git --prune", Formats::Document, declare_apply},
    Command{"diff", "Show what apply would change (exit 0 same, 1 differs, 2 could not tell)",
            "adit diff -f adit.yaml", Formats::Document, declare_diff, Exit::Usage},
    Command{"get hosts", "List the public host names", "adit get hosts -o wide", Formats::List,
            declare_get_hosts},
    Command{"get sites", "List the homes and their tunnels", "adit get sites home -o yaml",
            Formats::List, declare_get_sites},
    Command{"get routes", "List what the relay sends where", "adit get routes -o json",
            Formats::List, declare_get_routes},
    Command{"get revisions", "List the recorded changes", "adit get revisions", Formats::List,
            declare_get_revisions},
    Command{"host add", "Publish a host name",
            "adit host add app.example.com --site home --target 10.30.0.200:443", Formats::Document,
            declare_host_add},
    Command{"host rm", "Take a host name away", "adit host rm app.example.com", Formats::Document,
            declare_host_remove},
    Command{"site add", "Add a home",
            "adit site add home --network 10.30.0.0/24 --target 10.30.0.200:443", Formats::Document,
            declare_site_add},
    Command{"site rm", "Remove a home that no host uses", "adit site rm home", Formats::Document,
            declare_site_remove},
    Command{"site set-key", "Tell the WireGuard public key of a home",
            "adit site set-key home mQ7Zx1kKRpTc0NnM0mVJ3m5Lw9dO4yq2s8bVtF6hPzE=",
            Formats::Document, declare_site_set_key},
    Command{"site config", "Print the WireGuard configuration for a home's gateway",
            "adit site config home --format wg-quick > adit.conf", Formats::Document,
            declare_site_config},
    Command{"route test", "Say which route a connection would take, and why (exit 1: none)",
            "adit route test app.example.com:443", Formats::Document, declare_route_test},
    Command{"verify", "Prove that TLS ends at home and that the relay cannot read it",
            "adit verify app.example.com --outside", Formats::Document, declare_verify},
    Command{"history", "List the recorded changes, newest first", "adit history", Formats::List,
            declare_history},
    Command{"rollback", "Go back to the state of a revision", "adit rollback 7", Formats::Document,
            declare_rollback},
    Command{"completion", "Print the completion script of a shell",
            "source <(adit completion bash)", Formats::Text, declare_completion},
    Command{"version", "Print the version of this command line", "adit version", Formats::Document,
            declare_version},
};

struct Group {
  std::string_view path;
  const char* summary;
};

constexpr std::array kGroups = {
    Group{"get", "List resources, or show one"},
    Group{"host", "Public host names"},
    Group{"site", "Homes and their WireGuard peers"},
    Group{"route", "Where connections go"},
};

}  // namespace

std::span<const Command> command_table() {
  return kTable;
}

std::string group_summary(const std::string& path) {
  for (const Group& group : kGroups) {
    if (group.path == path) return group.summary;
  }
  return "";
}

}  // namespace adit::cli
