#include "controller/config/schema.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/config/spelling.hpp"
#include "controller/config/units.hpp"
#include "controller/config/utf8.hpp"

namespace adit::config {

namespace {

constexpr std::size_t kMaxScalarBytes = 1024;

std::string place(const Position& position) {
  return position.line == 0
             ? std::string("in the same document")
             : fmt::format("at {}:{}:{}", position.file, position.line, position.column);
}

/// A key as it stands in a path: quoted only where it is none that a person would write.
std::string path_element(const std::string& key) {
  const bool is_plain =
      key.size() <= kMaxScalarBytes / 4 && !key.empty() && std::ranges::none_of(key, [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
      });
  return is_plain ? key : in_quotes(key);
}

/// "home.lan:443": what looks like a host name with a port.
bool is_name_with_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos ||
      text.substr(0, colon).find(':') != std::string_view::npos) {
    return false;
  }
  return HostName::parse(text.substr(0, colon)).has_value() &&
         parse_count(text.substr(colon + 1), 1, 65535).has_value();
}

}  // namespace

std::string_view name_of(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::Null:
      return "nothing";
    case Node::Kind::Scalar:
      return "a single value";
    case Node::Kind::List:
      return "a list";
    case Node::Kind::Map:
      return "a map";
  }
  return "nothing";
}

void Reader::problem(Mark mark, const std::string& path, std::string what) {
  if (!resource_.empty()) broken.insert(resource_);
  problems.push_back({file_, mark.line, mark.column, path, std::move(what)});
}

void Reader::not_in_this_version(const Value& value, std::string_view what,
                                 std::string_view advice) {
  problem(value, fmt::format("{} is not in this version; {}", what, advice));
}

bool Reader::note_position(const std::string& key, Mark mark, const std::string& path) {
  const auto [found, is_new] = positions.try_emplace(key, Position{file_, mark.line, mark.column});
  if (!is_new) {
    problem(mark, path, fmt::format("written twice; the first is {}", place(found->second)));
  }
  return is_new;
}

std::optional<std::string> Reader::text(const Value& value) {
  if (value.node.kind != Node::Kind::Scalar) {
    problem(value, fmt::format("needs a single value, not {}", name_of(value.node.kind)));
    return std::nullopt;
  }
  if (value.node.text.size() > kMaxScalarBytes) {
    problem(value, fmt::format("a value of more than {} bytes", kMaxScalarBytes));
    return std::nullopt;
  }
  const bool is_plain = std::ranges::none_of(
      value.node.text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!is_plain || find_bad_text(value.node.text)) {
    // Not repeated: a key pasted with its line break may be the private one.
    problem(value,
            "has a line break or another control character; a value is one line of plain text");
    return std::nullopt;
  }
  return value.node.text;
}

std::optional<std::string_view> Reader::choice(const Value& value,
                                               std::initializer_list<std::string_view> words) {
  const auto written = text(value);
  if (!written) return std::nullopt;
  const auto* const found = std::ranges::find(words, *written);
  if (found != words.end()) return *found;
  const std::vector<std::string_view> known(words);
  problem(value, fmt::format("{} is not one of {}{}", in_quotes(*written), fmt::join(known, ", "),
                             did_you_mean(*written, known)));
  return std::nullopt;
}

std::optional<bool> Reader::boolean(const Value& value) {
  const auto word = choice(value, {"true", "false"});
  return word ? std::optional(*word == "true") : std::nullopt;
}

namespace {

/// The value of `parsed`, or nullopt with its error as a problem of `value`.
template <class T>
std::optional<T> value_of(Reader& reader, const Value& value, const Result<T>& parsed) {
  if (parsed) return *parsed;
  reader.problem(value, parsed.error().what);
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> Reader::count(const Value& value, std::uint32_t least,
                                           std::uint32_t most) {
  const auto written = text(value);
  return written ? value_of(*this, value, parse_count(*written, least, most)) : std::nullopt;
}

std::optional<std::uint16_t> Reader::port(const Value& value, std::uint16_t least) {
  const auto written = text(value);
  if (!written) return std::nullopt;
  const auto number = parse_count(*written, least, 65535);
  if (number) return static_cast<std::uint16_t>(*number);
  problem(value, fmt::format("{} is not a port from {} to 65535", in_quotes(*written), least));
  return std::nullopt;
}

std::optional<std::uint32_t> Reader::rate(const Value& value) {
  const auto written = text(value);
  return written ? value_of(*this, value, parse_rate(*written)) : std::nullopt;
}

std::optional<Milliseconds> Reader::duration(const Value& value, Milliseconds least,
                                             Milliseconds most) {
  const auto written = text(value);
  if (!written) return std::nullopt;
  const auto parsed = value_of(*this, value, parse_duration(*written));
  if (!parsed || (*parsed >= least && *parsed <= most)) return parsed;
  problem(value, fmt::format("{} is not from {} to {}", in_quotes(*written), format_duration(least),
                             format_duration(most)));
  return std::nullopt;
}

std::optional<IpAddress> Reader::address(const Value& value) {
  const auto written = text(value);
  return written ? value_of(*this, value, IpAddress::parse(*written)) : std::nullopt;
}

std::optional<IpPrefix> Reader::prefix(const Value& value) {
  const auto written = text(value);
  return written ? value_of(*this, value, IpPrefix::parse(*written)) : std::nullopt;
}

std::optional<Endpoint> Reader::endpoint(const Value& value) {
  const auto written = text(value);
  if (!written) return std::nullopt;
  const auto parsed = Endpoint::parse(*written);
  if (!parsed && is_name_with_port(*written)) {
    not_in_this_version(value, "a name as a target", "write the target's address");
    return std::nullopt;
  }
  return value_of(*this, value, parsed);
}

std::vector<Value> Reader::list(const Value& value, std::string_view example) {
  std::vector<Value> items;
  if (value.is_null()) return items;
  if (value.node.kind != Node::Kind::List) {
    problem(value,
            fmt::format("needs a list (like {}), not {}", example, name_of(value.node.kind)));
    return items;
  }
  for (const Node& item : value.node.items) {
    const bool has_mark = item.kind != Node::Kind::Null;
    items.push_back(
        {item, has_mark ? item.mark : value.mark, fmt::format("{}[{}]", value.path, items.size())});
  }
  return items;
}

std::vector<Member> Reader::map(const Value& value) {
  std::vector<Member> members;
  if (value.is_null()) return members;
  if (value.node.kind != Node::Kind::Map) {
    problem(value, fmt::format("needs a map of keys and values, not {}", name_of(value.node.kind)));
    return members;
  }
  std::unordered_map<std::string_view, Mark> seen;
  for (const Entry& entry : value.node.entries) {
    const auto [first, is_new] = seen.try_emplace(entry.key, entry.mark);
    const std::string path = value.path.empty()
                                 ? path_element(entry.key)
                                 : fmt::format("{}.{}", value.path, path_element(entry.key));
    if (!is_new) {
      problem(entry.mark, path,
              fmt::format("written twice; the first is {}",
                          place({file_, first->second.line, first->second.column})));
      continue;
    }
    const bool has_mark = entry.value.kind != Node::Kind::Null;
    members.push_back(
        {entry.key, entry.mark, {entry.value, has_mark ? entry.value.mark : entry.mark, path}});
  }
  return members;
}

void unknown_key(Reader& reader, const Member& member, const std::string& parent,
                 const std::vector<std::string_view>& known) {
  reader.problem(
      member.mark, parent,
      fmt::format("unknown key {}{}", in_quotes(member.key), did_you_mean(member.key, known)));
}

}  // namespace adit::config
