#include "controller/cli/yaml_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "controller/cli/text.hpp"
#include "controller/cli/utf8.hpp"

namespace adit::cli {

namespace {

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Words that YAML 1.1 readers take for booleans or null.
bool is_reserved(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no", "on",
                                                      "off",  "null",  "y",   "n"};
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

/// Plain only when it begins with a letter and holds nothing that has a meaning anywhere in YAML.
/// A word that begins with a digit stays plain if a label follows that no number can have
/// ("10.30.0.0/24"); everything else that could be a number, a date or a time is quoted.
bool is_plain(std::string_view text) {
  if (text.empty() || is_reserved(text)) return false;
  const bool has_only_safe = std::all_of(text.begin(), text.end(), [](char c) {
    return is_word_byte(c) || c == '.' || c == '_' || c == '-' || c == '/' || c == ' ' || c == '+';
  });
  if (!has_only_safe || text.back() == ' ') return false;
  const char first = text.front();
  if ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z')) return true;
  return first >= '0' && first <= '9' && text.find('/') != std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const auto value = static_cast<std::uint32_t>(point.value);
    if (!point.is_valid) {
      out += "\\uFFFD";
    } else if (value == '"' || value == '\\') {
      out += '\\';
      out += static_cast<char>(value);
    } else if (value == '\n') {
      out += "\\n";
    } else if (is_unprintable(point.value)) {
      out += fmt::format(fmt::runtime(value < 0x100 ? "\\x{:02X}" : "\\u{:04X}"), value);
    } else {
      out += text.substr(0, point.length);
    }
    text.remove_prefix(point.length);
  }
  return out + '"';
}

std::string scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_plain(text) ? text : in_quotes(text);
  }
  if (value.is_array()) return "[]";  // empty ones only: the others are blocks
  if (value.is_object()) return "{}";
  return value.dump();
}

bool is_block(const Json& value) {
  return value.is_structured() && !value.empty();
}

void write(std::string& out, const Json& value, std::size_t indent);

/// After "key:" or "-": a scalar stays on the line, a block goes below it.
void write_object(std::string& out, const Json& value, std::size_t indent) {
  for (const auto& [key, item] : value.items()) {
    out.append(indent, ' ').append(is_plain(key) ? key : in_quotes(key)).append(":");
    if (is_block(item)) {
      out += '\n';
      write(out, item, indent + 2);
    } else {
      out.append(" ").append(scalar(item)).append("\n");
    }
  }
}

void write_array(std::string& out, const Json& value, std::size_t indent) {
  for (const Json& item : value) {
    out.append(indent, ' ').append("- ");
    if (is_block(item)) {
      std::string block;
      write(block, item, indent + 2);
      out += std::string_view(block).substr(indent + 2);  // its first line goes behind the "- "
    } else {
      out.append(scalar(item)).append("\n");
    }
  }
}

void write(std::string& out, const Json& value, std::size_t indent) {
  if (!is_block(value)) {
    out.append(indent, ' ').append(scalar(value)).append("\n");
  } else if (value.is_object()) {
    write_object(out, value, indent);
  } else {
    write_array(out, value, indent);
  }
}

}  // namespace

std::string to_yaml(const Json& document) {
  std::string out;
  write(out, document, 0);
  return out;
}

}  // namespace adit::cli
