// The one table of subcommands: what each is called, what it says about itself, and the function
// that declares its arguments and returns what to do with them. Help, completion, "did you mean"
// and the checks of -o all come from this table.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "controller/cli/api_client.hpp"
#include "controller/cli/output.hpp"

namespace CLI {
class App;
}

namespace adit::cli {

/// What a running command works with.
struct Session {
  ApiClient& api;
  Output& out;
};

/// What a command does once its arguments are parsed.
using Action = std::function<Attempt<Exit>(Session&)>;

/// Which forms of -o a command knows.
enum class Formats {
  Document,  ///< table, json, yaml
  List,      ///< table, wide, json, yaml, name
  Text,      ///< table only: its output is a text of its own
};

struct Command {
  const char* path;     ///< "host add"
  const char* summary;  ///< one line, no dot
  const char* example;  ///< a whole command line
  Formats formats;
  /// Adds arguments and options to `app`; the action holds what they are parsed into.
  Action (*declare)(CLI::App& app);
  Exit on_failure = Exit::Failed;  ///< the exit status of an Attempt that failed
};

/// In the order of the help text.
std::span<const Command> command_table();

/// What groups of commands ("host") say about themselves; "" for a path that is no group.
std::string group_summary(const std::string& path);

// One function for each row of the table, by file.
Action declare_init(CLI::App& app);           // init_command.cpp
Action declare_status(CLI::App& app);         // status_command.cpp
Action declare_apply(CLI::App& app);          // apply_command.cpp
Action declare_diff(CLI::App& app);           //
Action declare_get_hosts(CLI::App& app);      // get_command.cpp
Action declare_get_sites(CLI::App& app);      //
Action declare_get_routes(CLI::App& app);     //
Action declare_get_revisions(CLI::App& app);  // history_command.cpp
Action declare_history(CLI::App& app);        //
Action declare_rollback(CLI::App& app);       //
Action declare_host_add(CLI::App& app);       // host_command.cpp
Action declare_host_remove(CLI::App& app);    //
Action declare_site_add(CLI::App& app);       // site_command.cpp
Action declare_site_remove(CLI::App& app);    //
Action declare_site_set_key(CLI::App& app);   //
Action declare_site_config(CLI::App& app);    //
Action declare_route_test(CLI::App& app);     // route_command.cpp
Action declare_verify(CLI::App& app);         // verify_command.cpp
Action declare_completion(CLI::App& app);     // completion_command.cpp
Action declare_version(CLI::App& app);        //

}  // namespace adit::cli
