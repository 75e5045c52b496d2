// What the folders of documents_test.cpp cannot show: bounds, and positions for later checks.
#include "controller/config/yaml_reader.hpp"

#include "controller/config/tree.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;

TEST_CASE("yaml_reader: where everything stands", "[config]") {
  const auto read = read_yaml({{"a.yaml",
                                "sites:\n"
                                "  home:\n"
                                "    networks:\n"
                                "      - 10.30.0.0/24\n"
                                "hosts:\n"
                                "  App.example.com: {site: home}\n"
                                "  app: {site: direct}\n"
                                "  app.site: {site: direct}\n"}});
  REQUIRE(read);
  const auto at = [&](const std::string& key) {
    const Position& position = read->positions.at(key);
    return position.file + ":" + std::to_string(position.line) + ":" +
           std::to_string(position.column);
  };
  CHECK(at("sites/home") == "a.yaml:2:3");
  CHECK(at("sites/home/networks/10.30.0.0/24") == "a.yaml:4:9");
  CHECK(at("hosts/app.example.com") == "a.yaml:6:3");
  CHECK(at("hosts/app.example.com/site") == "a.yaml:6:27");
  CHECK(at("hosts/app/site") == "a.yaml:7:15");
  CHECK(at("hosts/app.site") == "a.yaml:8:3");
}

TEST_CASE("yaml_reader: a text of 4 MiB is read, a longer one is not", "[config]") {
  std::string text = "sites: {}\n";
  text.resize(kMaxTextBytes, '#');
  text[10] = '#';
  CHECK(read_yaml({{"a.yaml", text}}));
  text += '#';
  const auto over = read_yaml({{"a.yaml", text}});
  REQUIRE_FALSE(over);
  CHECK(test::lines(over.error()) == "a.yaml: more than 4 MiB; split it into several files\n");
}

TEST_CASE("yaml_reader: nesting that yaml-cpp itself gives up on", "[config]") {
  for (const std::string& open : {std::string("["), std::string("{a: "), std::string("- ")}) {
    CAPTURE(open);
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += open;
    CHECK_FALSE(read_yaml({{"a.yaml", text}}));
  }
}
