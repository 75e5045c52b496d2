// YAML text -> what it asks for. The only files of adit that see yaml-cpp are yaml_reader.cpp and
// node_config.cpp; its exceptions end here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controller/config/problem.hpp"
#include "controller/config/resources.hpp"

namespace adit::config {

/// One file as the command line sends it; the CLI has read it, the controller has not opened it.
struct SourceFile {
  std::string path;  ///< for messages only
  std::string text;
};

struct Position {
  std::string file;
  int line = 0;
  int column = 0;
};

/// "hosts.app.example.com.site" -> where it stands, so that later checks can point there.
using SourceMap = std::map<std::string, Position>;

struct Document {
  Resources resources;  ///< only what the files name; owners not set
  SourceMap positions;
};

/// Reads all files as one document. A key of the design whose part is not built yet is a problem
/// "… not in this version" unless it has its default value; an unknown key names the nearest one;
/// the same resource twice (in one file or in two) is a problem that names both places. Anchors and
/// aliases are limited, tags refused, text ≤ 4 MiB a file.
Checked<Document> read_yaml(const std::vector<SourceFile>& files);

}  // namespace adit::config
