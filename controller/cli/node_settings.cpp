#include "controller/cli/node_settings.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/os/files.hpp"

namespace adit::cli {

namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::string_view kKey = "endpoint";
constexpr const char* kHead =
    "# Settings of this machine for adit-controller, which reads them when it starts. Every key is "
    "optional.\n";

bool is_blank_or_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos || line[first] == '#';
}

/// The key of a line like "listen_port: 51820"; empty for every other line.
std::string_view key_of(std::string_view line) {
  const std::size_t end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
  if (end == 0 || end == std::string_view::npos || line[end] != ':') return {};
  const bool is_key = end + 1 == line.size() || line[end + 1] == ' ' || line[end + 1] == '\r';
  return is_key ? line.substr(0, end) : std::string_view{};
}

/// The plain or quoted scalar behind the key, without a comment.
std::string value_of(std::string_view line) {
  line.remove_prefix(line.find(':') + 1);
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  line.remove_prefix(first);
  const char quote = line.front();
  if (quote == '"' || quote == '\'') {
    return std::string(line.substr(1, line.find(quote, 1) - 1));
  }
  line = line.substr(0, line.find(" #"));
  return std::string(line.substr(0, line.find_last_not_of(" \t\r") + 1));
}

/// Quoted where a plain scalar would be taken for something else.
std::string line_for(const std::string& endpoint) {
  const bool is_plain = endpoint.find_first_of(":[]") == std::string::npos;
  return is_plain ? fmt::format("{}: {}\n", kKey, endpoint)
                  : fmt::format("{}: \"{}\"\n", kKey, endpoint);
}

struct Reading {
  bool has_other_form = false;  ///< something that is no plain block of keys
  bool has_key = false;
  std::optional<std::string> endpoint;
};

/// A block of keys at the left margin; what belongs to a key is indented, or an item of a list.
Reading read_block(std::string_view text) {
  Reading reading;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (is_blank_or_comment(line)) continue;
    const std::string_view key = key_of(line);
    if (!key.empty()) {
      reading.has_key = true;
      if (key == kKey) reading.endpoint = value_of(line);
      continue;
    }
    const bool belongs = line.front() == ' ' || line.starts_with("- ");
    const bool is_start = !reading.has_key && line.starts_with("---");
    if (is_start) continue;
    reading.has_other_form = reading.has_other_form || !belongs || !reading.has_key;
  }
  return reading;
}

int run(const std::vector<std::string>& words) {
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (auto& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int spawned =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

SettingsEdit edit_settings(const std::optional<std::string>& text, const std::string& endpoint) {
  const std::string line = line_for(endpoint);
  if (!text) return {SettingsEdit::Kind::Write, kHead + line, ""};
  const Reading reading = read_block(*text);
  const std::string wanted = line.substr(0, line.size() - 1);
  if (reading.endpoint == endpoint) return {SettingsEdit::Kind::Nothing, "", ""};
  if (reading.endpoint) {
    return {SettingsEdit::Kind::ByHand, "",
            fmt::format("it says \"{}: {}\" and was left as it is; if that is wrong, write: {}",
                        kKey, *reading.endpoint, wanted)};
  }
  if (reading.has_other_form) {
    return {
        SettingsEdit::Kind::ByHand, "",
        fmt::format("it is not a plain list of keys and was left as it is; add to it: {}", wanted)};
  }
  const bool ends_line = text->empty() || text->ends_with('\n');
  return {SettingsEdit::Kind::Write, *text + (ends_line ? "" : "\n") + line, ""};
}

Result<std::optional<std::string>> read_settings(const std::string& path) {
  const auto bytes = os::read_file(path, kMaxBytes);
  if (bytes) return std::string(bytes->begin(), bytes->end());
  if (bytes.error().code == Errc::NotFound) return std::optional<std::string>();
  return fail(bytes.error());
}

Result<void> write_settings(const std::string& path, const std::string& text) {
  std::error_code none;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, none);
  const std::string target = none ? path : real.string();
  if (auto made = os::make_directories(std::filesystem::path(target).parent_path(), 0755); !made) {
    return made;
  }
  const auto bytes = std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return os::write_file_atomically(target, bytes, 0644);
}

bool is_unit_active() {
  return run({"systemctl", "is-active", "--quiet", "adit-controller"}) == 0;
}

Result<void> restart_unit() {
  if (run({"systemctl", "--no-ask-password", "restart", "adit-controller"}) == 0) return {};
  return fail(Errc::System,
              "`systemctl restart adit-controller` failed; `systemctl status adit-controller` says "
              "why");
}

}  // namespace adit::cli
