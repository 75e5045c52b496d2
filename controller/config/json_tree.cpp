// JSON -> the neutral tree that the schema reads; the counterpart of yaml_tree.cpp, without
// positions.
#include <nlohmann/json.hpp>

#include "controller/config/tree.hpp"

namespace adit::config {

namespace {

Node scalar(std::string text) {
  Node node;
  node.kind = Node::Kind::Scalar;
  node.text = std::move(text);
  return node;
}

Node convert(const nlohmann::json& value, int depth) {
  // Deeper than any schema: a value that no key takes stands for it, and nothing recurses further.
  if (depth > kMaxDepth) return scalar("(nested too deeply)");
  Node node;
  if (value.is_object()) {
    node.kind = Node::Kind::Map;
    for (const auto& [key, member] : value.items()) {
      node.entries.push_back({key, {}, convert(member, depth + 1)});
    }
  } else if (value.is_array()) {
    node.kind = Node::Kind::List;
    for (const auto& item : value) node.items.push_back(convert(item, depth + 1));
  } else if (value.is_string()) {
    node = scalar(value.get<std::string>());
  } else if (!value.is_null()) {
    node = scalar(value.dump());
  }
  return node;
}

}  // namespace

Node from_json(const nlohmann::json& document) {
  return convert(document, 0);
}

}  // namespace adit::config
