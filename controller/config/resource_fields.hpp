// What the readers of single resources share (resource_reader.cpp, relay_reader.cpp).
#pragma once

#include <optional>
#include <string>

#include <fmt/format.h>

#include "controller/config/schema.hpp"

namespace adit::config {

/// Sets `into` where a value could be read.
template <class T, class Member>
void take(const std::optional<T>& read, Member& into) {
  if (read) into = *read;
}

/// Every resource may say its owner where it comes from a revision of ours.
template <class T>
void read_owner(Reader& reader, const Value& value, T& out) {
  if (!reader.is_stored()) {
    reader.problem(
        value,
        "unknown key \"owner\"; the owner is said with --owner NAME (in the API: ?owner=NAME)");
    return;
  }
  take(reader.text(value), out.owner);
}

/// Notes where each key of the resource `key` stands, for the checks over the whole.
inline void note_members(Reader& reader, const Value& value, const std::string& key) {
  if (value.node.kind != Node::Kind::Map) return;
  for (const Entry& entry : value.node.entries) {
    const Mark mark = entry.value.kind == Node::Kind::Null ? entry.mark : entry.value.mark;
    reader.positions.try_emplace(fmt::format("{}/{}", key, entry.key), reader.position_of(mark));
  }
}

}  // namespace adit::config
