// The only file of adit that sees yaml-cpp. Its parser's events are turned into the tree, so that
// repeated keys, tags and aliases are seen as they stand; its exceptions end here.
#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "controller/config/tree.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

Mark to_mark(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

/// Ends the parsing: a bound was passed.
struct Refusal {
  Mark mark;
  std::string what;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, Problems& problems) : file_(std::move(file)), problems_(problems) {}

  [[nodiscard]] Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Refusal{to_mark(mark), "a second document (---); a file holds one document"};
    }
  }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.mark = to_mark(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) throw Refusal{to_mark(mark), "an alias that contains itself"};
    if (++aliases_ > kMaxAliases) {
      throw Refusal{to_mark(mark), fmt::format("more than {} aliases", kMaxAliases)};
    }
    count_nodes(found->second, to_mark(mark));
    Node copy = found->second;
    copy.mark = to_mark(mark);
    add(std::move(copy), YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::Scalar;
    node.mark = to_mark(mark);
    node.text = value;
    refuse_tag(tag, node.mark);
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::List, to_mark(mark), tag, anchor);
  }

  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::Map, to_mark(mark), tag, anchor);
  }

  void OnMapEnd() override { close(); }

 private:
  /// A list or map that is not yet closed.
  struct Open {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;  ///< of a map: the last entry waits for its value
  };

  void open(Node::Kind kind, Mark mark, const std::string& tag, YAML::anchor_t anchor) {
    if (open_.size() >= static_cast<std::size_t>(kMaxDepth)) {
      throw Refusal{mark, fmt::format("nested more than {} deep", kMaxDepth)};
    }
    refuse_tag(tag, mark);
    Open next;
    next.node.kind = kind;
    next.node.mark = mark;
    next.anchor = anchor;
    open_.push_back(std::move(next));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    count_node(node.mark);
    if (anchor != YAML::NullAnchor) anchored_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::List) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      parent.node.entries.back().value = std::move(node);
      parent.has_key = false;
    } else {
      add_key(parent, std::move(node));
    }
  }

  void add_key(Open& parent, Node key) {
    if (key.kind != Node::Kind::Scalar) {
      problems_.push_back({file_, key.mark.line, key.mark.column, "",
                           fmt::format("{} stands where a key is needed", name_of(key.kind))});
    } else if (key.text == "<<") {
      problems_.push_back({file_, key.mark.line, key.mark.column, "",
                           "merge keys (<<) are not read; write the keys out"});
    }
    parent.node.entries.push_back({std::move(key.text), key.mark, {}});
    parent.has_key = true;
  }

  void refuse_tag(const std::string& tag, Mark mark) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    problems_.push_back(
        {file_, mark.line, mark.column, "", "a YAML tag (!…); write the plain value without it"});
  }

  void count_node(Mark mark) {
    if (++nodes_ > kMaxNodes) throw Refusal{mark, fmt::format("more than {} values", kMaxNodes)};
  }

  /// The nodes below `node`, which an alias is about to copy.
  void count_nodes(const Node& node, Mark mark) {
    for (const Node& item : node.items) count_node(mark), count_nodes(item, mark);
    for (const Entry& entry : node.entries) count_node(mark), count_nodes(entry.value, mark);
  }

  std::string file_;
  Problems& problems_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchored_;
  std::size_t nodes_ = 0;
  std::size_t aliases_ = 0;
  int documents_ = 0;
};

/// The first tab that indents a line up to `last_line`: what people mean when yaml-cpp fails after.
std::optional<Mark> indenting_tab(const std::string& text, int last_line) {
  Mark mark{1, 1};
  bool is_indent = true;
  for (const char c : text) {
    if (c == '\n') {
      mark = {mark.line + 1, 1};
      is_indent = true;
      if (mark.line > last_line) break;
      continue;
    }
    if (is_indent && c == '\t') return mark;
    is_indent = is_indent && c == ' ';
    ++mark.column;
  }
  return std::nullopt;
}

Problem not_yaml(const std::string& path, const std::string& text, const YAML::Exception& error) {
  const Mark mark = to_mark(error.mark);
  if (const auto tab = indenting_tab(text, mark.line)) {
    return {path, tab->line, tab->column, "", "a tab; YAML is indented with spaces"};
  }
  // yaml-cpp 0.8 adds the name, which stands at the mark anyway: one message for both versions.
  constexpr std::string_view kUnknownAnchor = "the referenced anchor is not defined";
  std::string_view what = error.msg;
  if (what.starts_with(kUnknownAnchor)) what = kUnknownAnchor;
  return {path, mark.line, mark.column, "", fmt::format("not YAML: {}", what)};
}

}  // namespace

Checked<Node> parse_yaml(const std::string& path, const std::string& text) {
  if (text.size() > kMaxTextBytes) {
    return tl::unexpected(
        Problems{{path, 0, 0, "", "more than 4 MiB; split it into several files"}});
  }
  if (const auto fault = find_bad_text(text)) {
    return tl::unexpected(Problems{{path, fault->mark.line, fault->mark.column, "", fault->what}});
  }
  Problems problems;
  TreeBuilder builder(path, problems);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    problems.push_back({path, refusal.mark.line, refusal.mark.column, "", refusal.what});
  } catch (const YAML::Exception& error) {
    problems.push_back(not_yaml(path, text, error));
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return builder.take_root();
}

}  // namespace adit::config
