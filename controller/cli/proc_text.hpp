// The texts of /proc/PID that tell what a process can see: its memory map, its open files, its
// capabilities (proc(5)). PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adit::cli {

/// One line of /proc/PID/maps.
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool is_readable = false;
  bool is_file = false;  ///< backed by a file on disk
  std::string path;      ///< "[heap]", "/usr/lib/…", empty for anonymous memory

  [[nodiscard]] std::uint64_t size() const { return end - begin; }

  bool operator==(const Mapping&) const = default;
};

/// Lines that cannot be read are left out.
std::vector<Mapping> parse_maps(std::string_view text);

/// The base name if `path` is a library that can do TLS or hold keys ("libssl.so.3"), else empty.
std::string tls_library(std::string_view path);

/// The hexadecimal value of a line like "CapEff:\t0000000000000000" of /proc/PID/status.
std::optional<std::uint64_t> status_mask(std::string_view status, std::string_view key);

/// The base name of the program in /proc/PID/cmdline (NUL-separated), as it was started.
std::string program_in(std::string_view cmdline);

/// The value of `--state-dir` in /proc/PID/cmdline (NUL-separated), else `otherwise`.
std::string state_dir_in(std::string_view cmdline, std::string otherwise);

/// True if a relay may hold open what the link /proc/PID/fd/`fd` says: sockets, pipes, the kernel's
/// event descriptors, null and random devices, its standard streams whatever they are, and what is
/// in `state_dir`.
bool is_expected_file(int fd, std::string_view link, std::string_view state_dir);

}  // namespace adit::cli
