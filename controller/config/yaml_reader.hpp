// YAML text -> what it asks for. Of all adit only yaml_tree.cpp sees yaml-cpp: it makes the neutral
// tree of tree.hpp, which one reader (resource_reader.hpp) turns into values for YAML and JSON
// alike.
#pragma once

#include <map>
#include <set>
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

/// "hosts/app.example.com/site" -> where it stands, so that later checks can point there; with '/',
/// because names have dots. A network is found by its value: "sites/home/networks/10.30.0.0/24".
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

/// The same, but with what could be read in spite of the problems, so that the checks over the
/// whole (ownership.hpp: apply_files) can report theirs in the same answer.
struct PartialDocument {
  Document document;
  Problems problems;     ///< sorted by position; empty: the document is whole
  bool is_yaml = true;   ///< every file could be parsed: nothing is missing but what has problems
  bool is_empty = true;  ///< no file holds a map, not even `{}`
  std::set<std::string> broken;  ///< resources that have a problem: "hosts/app.example.com"
};

PartialDocument read_yaml_partial(const std::vector<SourceFile>& files);

}  // namespace adit::config
