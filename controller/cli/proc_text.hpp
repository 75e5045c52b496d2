// The texts of /proc/PID that tell what a process can see: its memory map, its open files, its
// capabilities (proc(5)). PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adit::cli {

/// One mapping of /proc/PID/maps or /proc/PID/smaps. What its permissions are is of no interest: by
/// /proc/PID/mem even a page that its process may not read is read.
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;      ///< in the file
  bool is_file = false;          ///< backed by a file, on disk or not
  std::string path;              ///< "[heap]", "/usr/lib/…", empty for anonymous memory
  std::uint64_t held_bytes = 0;  ///< smaps only: in memory or swapped out

  [[nodiscard]] std::uint64_t size() const { return end - begin; }

  bool operator==(const Mapping&) const = default;
};

/// Lines that cannot be read are left out.
std::vector<Mapping> parse_maps(std::string_view text);

/// True for the memory that the kernel itself puts there and lets nobody else read: [vvar] and its
/// like. No process can give a mapping of its own such a name.
bool is_kernels_own(const Mapping& mapping);

/// True if `mapping`, which is larger than any real one, can be the shadow of a sanitizer:
/// anonymous, in a process (`all` its mappings) that runs with one.
bool is_sanitizer_shadow(const Mapping& mapping, const std::vector<Mapping>& all);

/// The base name if `path` is a library that can do TLS or hold keys ("libssl.so.3"), else empty.
std::string tls_library(std::string_view path);

/// What stands behind "CapEff:" in a text like /proc/PID/status, without the blanks around it;
/// empty if there is no such line.
std::string_view status_field(std::string_view status, std::string_view key);

/// The hexadecimal value of a line like "CapEff:\t0000000000000000" of /proc/PID/status.
std::optional<std::uint64_t> status_mask(std::string_view status, std::string_view key);

/// The decimal number of a line like "PPid:\t1", or the `index`-th of several ("Uid:\t0\t0\t0\t0").
std::optional<std::uint32_t> status_number(std::string_view status, std::string_view key,
                                           std::size_t index = 0);

/// The link /proc/PID/exe without the mark of a file that was replaced since.
std::string program_path(std::string_view link);

/// The value of `option` in /proc/PID/cmdline (NUL-separated; the last one counts), else
/// `otherwise`.
std::string option_in(std::string_view cmdline, std::string_view option, std::string otherwise);

/// True if a relay may hold open what the link /proc/PID/fd/`fd` says: sockets, pipes, the kernel's
/// event descriptors, null and random devices, its standard streams whatever they are, and what is
/// in `state_dir`.
bool is_expected_file(int fd, std::string_view link, std::string_view state_dir);

/// True if `path` is `folder` or lies below it; both without "." and "..".
bool is_at_or_below(std::string_view path, std::string_view folder);

}  // namespace adit::cli
