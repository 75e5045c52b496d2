// The neutral tree between a text and its meaning: what YAML and JSON documents have in common,
// with the position of every key and value. Built by yaml_tree.cpp and json_tree.cpp, read by
// schema.hpp.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "controller/config/problem.hpp"

namespace adit::config {

/// Line and column, from 1; 0: unknown (JSON).
struct Mark {
  int line = 0;
  int column = 0;

  auto operator<=>(const Mark&) const = default;
};

struct Entry;

struct Node {
  enum class Kind { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  Mark mark;
  std::string text;            ///< of a scalar, without quotes
  std::vector<Node> items;     ///< of a list
  std::vector<Entry> entries;  ///< of a map, in the order of the text; keys may repeat
};

struct Entry {
  std::string key;
  Mark mark;  ///< of the key
  Node value;
};

/// "nothing", "a text", "a list" or "a map": for messages.
std::string_view name_of(Node::Kind kind);

/// Bounds on what a text may make us hold.
inline constexpr std::size_t kMaxTextBytes = std::size_t{4} << 20;
inline constexpr int kMaxDepth = 32;
inline constexpr std::size_t kMaxNodes = 500'000;
inline constexpr std::size_t kMaxAliases = 1'000;

/// The one document of `text` as a tree; an empty text is a Null node. Refused, with their
/// position: a second document, tags, merge keys, keys that are not plain text, more aliases, depth
/// or nodes than the bounds above, bytes that are not UTF-8, control characters, and what is not
/// YAML.
Checked<Node> parse_yaml(const std::string& path, const std::string& text);

/// Never fails: every JSON value has its place in the tree (numbers and booleans are scalars).
Node from_json(const nlohmann::json& document);

}  // namespace adit::config
