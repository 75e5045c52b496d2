// controller.yaml as `adit init` may change it: one key, added where it is missing. The command
// line reads no YAML; it knows a plain block of keys when it sees one, and leaves everything else
// to a person.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/result.hpp"

namespace adit::cli {

struct SettingsEdit {
  enum class Kind {
    Nothing,  ///< it says so already
    Write,    ///< `text` is the whole new file
    ByHand,   ///< `why` says what is in the way and what to write
  };

  Kind kind = Kind::Nothing;
  std::string text;
  std::string why;
};

/// The edit that makes `text` (nothing: no such file) say `endpoint`. PURE.
SettingsEdit edit_settings(const std::optional<std::string>& text, const std::string& endpoint);

/// The file's text; nothing if there is none. Errc::Denied and others as os::read_file.
Result<std::optional<std::string>> read_settings(const std::string& path);

/// Whole or not at all, mode 0644; its folder is made where it is missing. A link stays one.
/// Errc::Denied: only root may, usually.
Result<void> write_settings(const std::string& path, const std::string& text);

/// True if systemd runs the unit adit-controller.
bool is_unit_active();

/// `systemctl restart adit-controller`, which returns when it is ready. The error has the fix.
Result<void> restart_unit();

}  // namespace adit::cli
