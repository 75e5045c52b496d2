#include "controller/cli/proc_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace adit::cli {

namespace {

constexpr std::string_view kDeleted = " (deleted)";

std::optional<std::uint64_t> number_in(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
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

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// "55d1c0a00000-55d1c0a21000 rw-p 00000000 00:00 0    [heap]"
std::optional<Mapping> parse_mapping(std::string_view line) {
  const auto begin = number_in(take(line, '-'), 16);
  const auto end = number_in(take(line, ' '), 16);
  const std::string_view permissions = take(line, ' ');
  const auto offset = number_in(take(line, ' '), 16);
  if (!begin || !end || !offset || *end < *begin || permissions.size() != 4) return std::nullopt;
  take(line, ' ');  // device
  const std::string_view inode = take(line, ' ');
  const std::size_t path = line.find_first_not_of(' ');
  return Mapping{.begin = *begin,
                 .end = *end,
                 .offset = *offset,
                 .is_file = inode != "0",
                 .path = path == std::string_view::npos ? "" : std::string(line.substr(path)),
                 .held_bytes = 0};
}

/// "Rss:                4 kB"; 0 for every other line.
std::uint64_t held_bytes(std::string_view line) {
  constexpr std::string_view kUnit = " kB";
  std::string_view amount = status_field(line, "Rss");
  if (amount.empty()) amount = status_field(line, "Swap");
  if (!amount.ends_with(kUnit)) return 0;
  amount.remove_suffix(kUnit.size());
  return number_in(amount, 10).value_or(0) * 1024;
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (auto mapping = parse_mapping(line)) {
      mappings.push_back(std::move(*mapping));
    } else if (!mappings.empty()) {
      mappings.back().held_bytes += held_bytes(line);
    }
  }
  return mappings;
}

bool is_kernels_own(const Mapping& mapping) {
  return mapping.path == "[vvar]" || mapping.path == "[vvar_vclock]" ||
         mapping.path == "[vsyscall]";
}

bool is_sanitizer_shadow(const Mapping& mapping, const std::vector<Mapping>& all) {
  if (mapping.is_file) return false;
  return std::any_of(all.begin(), all.end(), [](const Mapping& other) {
    const std::string base = other.path.substr(other.path.rfind('/') + 1);
    return other.is_file && (base.starts_with("libasan.so") || base.starts_with("libtsan.so"));
  });
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

std::string_view status_field(std::string_view status, std::string_view key) {
  while (!status.empty()) {
    const std::string_view line = take(status, '\n');
    const bool is_meant =
        line.starts_with(key) && line.size() > key.size() && line[key.size()] == ':';
    if (is_meant) return trimmed(line.substr(key.size() + 1));
  }
  return {};
}

std::optional<std::uint64_t> status_mask(std::string_view status, std::string_view key) {
  return number_in(status_field(status, key), 16);
}

std::optional<std::uint32_t> status_number(std::string_view status, std::string_view key,
                                           std::size_t index) {
  std::string_view field = status_field(status, key);
  for (std::size_t i = 0; i < index; ++i) take(field, '\t');
  const auto value = number_in(take(field, '\t'), 10);
  if (!value || *value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::string program_path(std::string_view link) {
  if (link.ends_with(kDeleted)) link.remove_suffix(kDeleted.size());
  return std::string(link);
}

std::string option_in(std::string_view cmdline, std::string_view option, std::string otherwise) {
  while (!cmdline.empty()) {
    std::string_view word = take(cmdline, '\0');
    if (word == option) {
      otherwise = std::string(take(cmdline, '\0'));
    } else if (word.starts_with(option) && word.size() > option.size() &&
               word[option.size()] == '=') {
      otherwise = std::string(word.substr(option.size() + 1));
    }
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
  return is_at_or_below(link, state_dir);
}

bool is_at_or_below(std::string_view path, std::string_view folder) {
  while (folder.ends_with('/') && folder.size() > 1) folder.remove_suffix(1);
  if (folder.empty() || !path.starts_with(folder)) return false;
  return path.size() == folder.size() || path[folder.size()] == '/' || folder == "/";
}

}  // namespace adit::cli
