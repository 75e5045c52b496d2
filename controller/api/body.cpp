#include "controller/api/body.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace adit::api {

using nlohmann::json;

namespace {

/// Deeper than any document of ours, and no strain on anybody's stack.
constexpr int kMaxDepth = 64;

bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

/// Sees every event of the parser, keeps every value, and remembers a key that its object has
/// twice.
class RepeatedKey {
 public:
  bool operator()(int /*depth*/, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) open_.emplace_back();
    if (event == json::parse_event_t::object_end) open_.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_.back().insert(key).second) found_ = key;
    }
    return true;
  }

  [[nodiscard]] const std::optional<std::string>& found() const { return found_; }

 private:
  std::vector<std::set<std::string>> open_;  ///< keys of the objects that are not yet closed
  std::optional<std::string> found_;
};

}  // namespace

Result<json> parse_object(std::string_view body) {
  if (is_too_deep(body)) return fail(Errc::Invalid, "the body is nested too deeply");
  json document;
  RepeatedKey repeated;
  try {
    document = json::parse(body, std::ref(repeated));
  } catch (const json::parse_error& error) {
    return fail(Errc::Invalid, fmt::format("the body is not JSON: wrong at byte {}", error.byte));
  } catch (const json::exception&) {
    return fail(Errc::Invalid, "the body is not JSON: a number is out of range");
  }
  if (!document.is_object()) {
    return fail(Errc::Invalid,
                fmt::format("the body must be a JSON object, not {}", document.type_name()));
  }
  if (repeated.found()) {
    return fail(Errc::Invalid, fmt::format("member \"{}\" is written twice", *repeated.found()));
  }
  return document;
}

Result<void> require_known(const json& object, const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Errc::Invalid,
                  fmt::format("unknown member \"{}\"; known are {}", name, fmt::join(known, ", ")));
    }
  }
  return {};
}

Result<std::string> text_member(const json& object, const std::string& name,
                                std::string otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if (!found->is_string()) return fail(Errc::Invalid, fmt::format("{}: must be a text", name));
  return found->get<std::string>();
}

Result<bool> flag_member(const json& object, const std::string& name, bool otherwise) {
  const auto found = object.find(name);
  if (found == object.end()) return otherwise;
  if (!found->is_boolean()) {
    return fail(Errc::Invalid, fmt::format("{}: must be true or false", name));
  }
  return found->get<bool>();
}

}  // namespace adit::api
