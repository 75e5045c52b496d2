#include "controller/cli/yaml_writer.hpp"

#include <random>

#include <yaml-cpp/yaml.h>

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

/// What a reader of YAML makes of it: every scalar as its text, "!" before those that were quoted,
/// so that "true" and true are not taken for the same.
Json as_read(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& entry : node) object[entry.first.Scalar()] = as_read(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const auto& item : node) array.push_back(as_read(item));
    return array;
  }
  return node.IsNull() ? Json("null") : Json(node.Scalar());
}

Json as_texts(const Json& value) {
  if (value.is_object()) {
    Json object = Json::object();
    for (const auto& [key, item] : value.items()) object[key] = as_texts(item);
    return object;
  }
  if (value.is_array()) {
    Json array = Json::array();
    for (const Json& item : value) array.push_back(as_texts(item));
    return array;
  }
  return value.is_string() ? value : Json(value.dump());
}

class Documents {
 public:
  explicit Documents(std::uint64_t seed) : random_(seed) {}

  Json make(int depth) {
    switch (pick(depth > 0 ? 7 : 5)) {
      case 0:
        return nullptr;
      case 1:
        return pick(2) == 0;
      case 2:
        return pick(100'000);
      case 5:
        return array(depth);
      case 6:
        return object(depth);
      default:
        return text();
    }
  }

  Json object(int depth) {
    Json object = Json::object();
    for (auto n = pick(4); n > 0; --n) object["k" + text()] = make(depth - 1);
    return object;
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  Json array(int depth) {
    Json array = Json::array();
    for (auto n = pick(4); n > 0; --n) array.push_back(make(depth - 1));
    return array;
  }

  std::string text() {
    static const std::vector<std::string> kPieces = {"a",
                                                     "true",
                                                     "1",
                                                     "0x1f",
                                                     "-",
                                                     ":",
                                                     " ",
                                                     "#",
                                                     "'",
                                                     "\"",
                                                     "\\",
                                                     "\n",
                                                     "\t",
                                                     "é",
                                                     "日",
                                                     "*",
                                                     "&",
                                                     "!",
                                                     "%",
                                                     "@",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ",",
                                                     "?",
                                                     "|",
                                                     ">",
                                                     "~",
                                                     "null",
                                                     "1e3",
                                                     "2027-01-01",
                                                     "=",
                                                     "<<",
                                                     ".",
                                                     "_",
                                                     "/",
                                                     "\x01",
                                                     "\xc2\x85",
                                                     "\xe2\x80\xa8",
                                                     "\xf0\x9f\x8f\xa0"};
    std::string out;
    for (auto n = pick(5); n > 0; --n) out += kPieces[pick(static_cast<unsigned>(kPieces.size()))];
    return out;
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("yaml_writer: block style as people write it", "[cli]") {
  const Json document = {
      {"revision", 8},
      {"items", Json::array({{{"name", "home"}, {"networks", {"10.30.0.0/24", "10.31.0.0/24"}}},
                             {{"name", "office"}, {"networks", Json::array()}, {"key", nullptr}}})},
      {"node", Json::object()}};
  CHECK(to_yaml(document) ==
        "revision: 8\n"
        "items:\n"
        "  - name: home\n"
        "    networks:\n"
        "      - 10.30.0.0/24\n"
        "      - 10.31.0.0/24\n"
        "  - name: office\n"
        "    networks: []\n"
        "    key: null\n"
        "node: {}\n");
}

TEST_CASE("yaml_writer: what could be read as something else is quoted", "[cli]") {
  struct Row {
    const char* in;
    const char* want;
  };

  const Row row = GENERATE(
      Row{"app.example.com", "app.example.com"}, Row{"yes", "\"yes\""}, Row{"NULL", "\"NULL\""},
      Row{"", "\"\""}, Row{"443", "\"443\""}, Row{"10.98.0.10", "\"10.98.0.10\""},
      Row{"10.30.0.200:443", "\"10.30.0.200:443\""}, Row{"25s", "\"25s\""}, Row{"a: b", "\"a: b\""},
      Row{"a #b", "\"a #b\""}, Row{"*.lab.example.com", "\"*.lab.example.com\""}, Row{"n", "\"n\""},
      Row{"line\nnext", "\"line\\nnext\""}, Row{"\xc2\x9b[2J", "\"\\x9B[2J\""},
      Row{"\xe2\x80\xae", "\"\\u202E\""}, Row{"\xe2\x81\xa9", "\"\\u2069\""},
      Row{"\x1b[2J", "\"\\x1B[2J\""}, Row{"grüße", "\"grüße\""},
      Row{"say \"x\\y\"", "\"say \\\"x\\\\y\\\"\""});
  CAPTURE(row.in);
  CHECK(to_yaml(Json(row.in)) == std::string(row.want) + "\n");
}

TEST_CASE("yaml_writer: a reader of YAML gets the same document back", "[cli]") {
  const std::uint64_t seed = 20'270'131;
  Documents documents(seed);
  for (int i = 0; i < 2000; ++i) {
    const Json document = documents.object(4);
    const std::string yaml = to_yaml(document);
    CAPTURE(seed, i, document.dump(), yaml);
    REQUIRE(as_read(YAML::Load(yaml)) == as_texts(document));
  }
}
