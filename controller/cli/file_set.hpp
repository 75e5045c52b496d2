// The files named by -f, read whole: a file, every *.yaml and *.yml below a folder, or stdin. The
// command line does not look into them; the controller is the only reader of YAML.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "controller/cli/failure.hpp"

namespace adit::cli {

struct SourceFile {
  std::string path;  ///< as problems will name it; "<stdin>" for "-"
  std::string text;
};

/// The files of every name in `names` ("-": `input`), folders sorted by path; hidden files and
/// folders below them (".git", an editor's copies) are left out. Errc::NotFound for a name that is
/// missing or a folder without any such file, Errc::Invalid for what is not UTF-8 or more than
/// 16 MiB in all, which is what the controller takes.
Attempt<std::vector<SourceFile>> read_files(const std::vector<std::string>& names,
                                            std::istream& input);

}  // namespace adit::cli
