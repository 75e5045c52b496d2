#include "controller/cli/proc_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace adit::cli {

namespace {

std::optional<std::uint64_t> hex_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts and returns what stands before the next `separator` (all of it if there is none).
std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

/// "55d1c0a00000-55d1c0a21000 rw-p 00000000 00:00 0    [heap]"
std::optional<Mapping> parse_mapping(std::string_view line) {
  const auto begin = hex_number(take(line, '-'));
  const auto end = hex_number(take(line, ' '));
  const std::string_view permissions = take(line, ' ');
  if (!begin || !end || *end < *begin || permissions.size() != 4) return std::nullopt;
  take(line, ' ');  // offset
  take(line, ' ');  // device
  const std::string_view inode = take(line, ' ');
  const std::size_t path = line.find_first_not_of(' ');
  return Mapping{.begin = *begin,
                 .end = *end,
                 .is_readable = permissions[0] == 'r',
                 .is_file = inode != "0",
                 .path = path == std::string_view::npos ? "" : std::string(line.substr(path))};
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    if (auto mapping = parse_mapping(take(text, '\n'))) mappings.push_back(std::move(*mapping));
  }
  return mappings;
}

std::string tls_library(std::string_view path) {
  constexpr std::array<std::string_view, 14> kNames = {
      "libssl",   "libcrypto", "libgnutls", "libmbed",    "libwolfssl", "libsodium", "libnss",
      "libnspr4", "libgcrypt", "libnettle", "libhogweed", "libbotan",   "libtls",    "libs2n"};
  const std::string_view base = path.substr(path.rfind('/') + 1);
  // libnss_files and its like look up users; they are glibc's, not Mozilla's.
  if (base.starts_with("libnss_")) return {};
  const bool is_one = std::any_of(kNames.begin(), kNames.end(),
                                  [&](std::string_view name) { return base.starts_with(name); });
  return is_one ? std::string(base) : std::string();
}

std::optional<std::uint64_t> status_mask(std::string_view status, std::string_view key) {
  while (!status.empty()) {
    std::string_view line = take(status, '\n');
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    line.remove_prefix(key.size() + 1);
    const std::size_t value = line.find_first_not_of(" \t");
    return value == std::string_view::npos ? std::nullopt : hex_number(line.substr(value));
  }
  return std::nullopt;
}

std::string program_in(std::string_view cmdline) {
  const std::string_view program = take(cmdline, '\0');
  return std::string(program.substr(program.rfind('/') + 1));
}

std::string state_dir_in(std::string_view cmdline, std::string otherwise) {
  constexpr std::string_view kOption = "--state-dir";
  while (!cmdline.empty()) {
    const std::string_view word = take(cmdline, '\0');
    if (word == kOption) return std::string(take(cmdline, '\0'));
    if (word.starts_with("--state-dir=")) return std::string(word.substr(kOption.size() + 1));
  }
  return otherwise;
}

bool is_expected_file(int fd, std::string_view link, std::string_view state_dir) {
  if (fd <= 2) return true;
  for (const std::string_view kind : {"socket:[", "pipe:[", "anon_inode:["}) {
    if (link.starts_with(kind)) return true;
  }
  for (const std::string_view device : {"/dev/null", "/dev/urandom", "/dev/random"}) {
    if (link == device) return true;
  }
  while (state_dir.ends_with('/') && state_dir.size() > 1) state_dir.remove_suffix(1);
  if (state_dir.empty() || !link.starts_with(state_dir)) return false;
  return link.size() == state_dir.size() || link[state_dir.size()] == '/';
}

}  // namespace adit::cli
