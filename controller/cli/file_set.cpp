#include "controller/cli/file_set.hpp"

#include <algorithm>
#include <filesystem>
#include <istream>
#include <iterator>

#include <fmt/format.h>

#include "common/os/files.hpp"
#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestSet = std::size_t{16} << 20;

Failure cannot_read(const std::string& path, const std::error_code& cause) {
  return Failure::of(sys_error("read " + path, cause.value()));
}

bool is_yaml_name(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

/// Every *.yaml and *.yml below `folder`, sorted.
Attempt<std::vector<std::string>> files_below(const std::string& folder) {
  std::error_code cause;
  std::vector<std::string> found;
  auto at = fs::recursive_directory_iterator(folder, cause);
  for (const fs::recursive_directory_iterator end; !cause && at != end; at.increment(cause)) {
    const bool is_folder = at->is_directory(cause);
    if (cause) break;
    if (is_hidden(at->path())) {
      if (is_folder) at.disable_recursion_pending();
    } else if (!is_folder && is_yaml_name(at->path())) {
      found.push_back(at->path().string());
    }
  }
  if (cause) return give_up(cannot_read(folder, cause));
  if (found.empty()) {
    return give_up(Errc::NotFound,
                   fmt::format("{}: there is no *.yaml or *.yml file in it", folder));
  }
  std::sort(found.begin(), found.end());
  return found;
}

Attempt<std::vector<std::string>> paths_of(const std::string& name) {
  std::error_code cause;
  const fs::file_status status = fs::status(name, cause);
  if (status.type() == fs::file_type::not_found) {
    return give_up(Errc::NotFound, fmt::format("{}: there is no such file or folder", name));
  }
  if (cause) return give_up(cannot_read(name, cause));
  if (fs::is_directory(status)) return files_below(name);
  return std::vector<std::string>{name};
}

Attempt<std::string> text_of(const std::string& path, std::istream& input) {
  if (path == "-") {
    std::string text(std::istreambuf_iterator<char>(input), {});
    return text;
  }
  auto bytes = os::read_file(path, kLargestSet);
  if (!bytes) return give_up(Failure::of(bytes.error()));
  return std::string(bytes->begin(), bytes->end());
}

}  // namespace

Attempt<std::vector<SourceFile>> read_files(const std::vector<std::string>& names,
                                            std::istream& input) {
  std::vector<SourceFile> files;
  std::size_t total = 0;
  for (const std::string& name : names) {
    auto paths =
        name == "-" ? Attempt<std::vector<std::string>>(std::vector{name}) : paths_of(name);
    if (!paths) return give_up(std::move(paths).error());
    for (const std::string& path : *paths) {
      auto text = text_of(path, input);
      if (!text) return give_up(std::move(text).error());
      const std::string shown = path == "-" ? "<stdin>" : path;
      if (!is_utf8(*text)) return give_up(Errc::Invalid, fmt::format("{}: not UTF-8 text", shown));
      total += text->size();
      if (total > kLargestSet) {
        return give_up(Errc::Invalid,
                       fmt::format("{}: with it the files are more than 16 MiB", shown));
      }
      files.push_back({shown, std::move(*text)});
    }
  }
  return files;
}

}  // namespace adit::cli
