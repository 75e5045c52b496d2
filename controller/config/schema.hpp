// The reader behind YAML and JSON: a table of fields per resource, and one way to read each kind of
// value, so that rules and messages are the same wherever a document comes from. All problems are
// collected; reading goes on after each.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/net/ip_address.hpp"
#include "controller/config/problem.hpp"
#include "controller/config/tree.hpp"
#include "controller/config/yaml_reader.hpp"

namespace adit::config {

/// A node with its path in the document and the place to point at. Refers to the tree: valid as
/// long as that is.
struct Value {
  const Node& node;
  Mark mark;         ///< of the value, or of its key where nothing is written
  std::string path;  ///< "hosts.app.example.com.site"

  [[nodiscard]] bool is_null() const { return node.kind == Node::Kind::Null; }
};

/// One key of a map with its value.
struct Member {
  std::string_view key;
  Mark mark;  ///< of the key
  Value value;
};

/// Collects problems and positions over all files of one request. Every reading member returns
/// nullopt after having noted a problem.
class Reader {
 public:
  /// Whether the documents come from people, or are our own (revisions): only the latter may say
  /// `owner`, and what an earlier version took and this one does not.
  enum class Origin { People, Stored };

  explicit Reader(Origin origin) : origin_(origin) {}

  void set_file(std::string file) { file_ = std::move(file); }

  [[nodiscard]] bool is_stored() const { return origin_ == Origin::Stored; }

  void problem(Mark mark, const std::string& path, std::string what);

  void problem(const Value& value, std::string what) {
    problem(value.mark, value.path, std::move(what));
  }

  /// "`what` is not in this version; `advice`".
  void not_in_this_version(const Value& value, std::string_view what, std::string_view advice);

  /// Remembers where `key` (of SourceMap) stands. False, with a problem of `path` that names both
  /// places, if it is there already.
  bool note_position(const std::string& key, Mark mark, const std::string& path);

  [[nodiscard]] Position position_of(Mark mark) const { return {file_, mark.line, mark.column}; }

  /// From here on problems are those of the resource with this SourceMap key; "": of none.
  void set_resource(std::string key) { resource_ = std::move(key); }

  [[nodiscard]] std::optional<std::string> text(const Value& value);
  [[nodiscard]] std::optional<std::string_view> choice(
      const Value& value, std::initializer_list<std::string_view> words);
  [[nodiscard]] std::optional<bool> boolean(const Value& value);
  [[nodiscard]] std::optional<std::uint32_t> count(const Value& value, std::uint32_t least,
                                                   std::uint32_t most);
  [[nodiscard]] std::optional<std::uint16_t> port(const Value& value, std::uint16_t least);
  [[nodiscard]] std::optional<std::uint32_t> rate(const Value& value);
  [[nodiscard]] std::optional<Milliseconds> duration(const Value& value, Milliseconds least,
                                                     Milliseconds most);
  [[nodiscard]] std::optional<IpAddress> address(const Value& value);
  [[nodiscard]] std::optional<IpPrefix> prefix(const Value& value);
  /// ADDRESS:PORT; a name in the address's place is "not in this version".
  [[nodiscard]] std::optional<Endpoint> endpoint(const Value& value);

  /// The items of a list, each with "[n]" behind the path; nothing written is an empty list.
  [[nodiscard]] std::vector<Value> list(const Value& value, std::string_view example);
  /// The members of a map, repeated keys left out with a problem; nothing written is an empty map.
  [[nodiscard]] std::vector<Member> map(const Value& value);

  Problems problems;
  SourceMap positions;
  /// Resources (SourceMap keys) that have a problem: checks over the whole would only say it again.
  std::set<std::string> broken;

 private:
  Origin origin_;
  std::string file_;
  std::string resource_;
};

/// One key of a map and how its value is read into a T.
template <class T>
struct Field {
  std::string_view key;
  void (*read)(Reader& reader, const Value& value, T& out);
};

/// A problem for a key that none of `known` is.
void unknown_key(Reader& reader, const Member& member, const std::string& parent,
                 const std::vector<std::string_view>& known);

/// Reads every member of the map `value` by its field; a key that no field has is a problem that
/// names the nearest one.
template <class T>
void read_fields(Reader& reader, const Value& value, std::span<const Field<T>> fields, T& out) {
  for (const Member& member : reader.map(value)) {
    const Field<T>* found = nullptr;
    for (const Field<T>& field : fields) {
      if (field.key == member.key) found = &field;
    }
    if (found != nullptr) {
      found->read(reader, member.value, out);
      continue;
    }
    std::vector<std::string_view> known;
    for (const Field<T>& field : fields) known.push_back(field.key);
    unknown_key(reader, member, value.path, known);
  }
}

}  // namespace adit::config
