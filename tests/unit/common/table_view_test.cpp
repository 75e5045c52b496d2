#include "common/control/table_view.hpp"

#include <algorithm>

#include "common/control/codec.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tables.hpp"

namespace adit::control {
namespace {

using test::Bytes;
using test::make_route;

Table sample() {
  Route all = make_route("all", "*", 8443);
  all.check = HealthCheck::Tcp;
  Route raw = make_route("raw", "*", 25565);
  raw.protocol = Protocol::Raw;
  raw.targets.push_back(raw.targets.front());
  Route both = make_route("both", "*.example.com", 0);
  both.http = {80, HttpAction::Forward, *Endpoint::parse("10.30.0.200:80")};
  Route closed = make_route("closed", "closed.test");
  closed.access = Access{.from = Audience::Devices};
  return test::make_table({make_route("plain", "app.example.com"), all, raw, both, closed}, 7);
}

TEST_CASE("table_view: is the table that it views", "[common]") {
  const Table table = sample();
  const Bytes bytes = encode_table(table);
  const TableView view = TableView::parse(bytes).value();
  CHECK(view.revision() == 7);
  CHECK(view.settings() == table.settings);
  REQUIRE(view.size() == table.routes.size());
  Route again = view.route(0);
  for (std::size_t i = 0; i < view.size(); ++i) {
    CAPTURE(i);
    CHECK(view.route(i) == table.routes[i]);
    view.read_route(i, again);  // into what was another route
    CHECK(again == table.routes[i]);
    CHECK(view.key(i).name == table.routes[i].name);
    CHECK(view.key(i).pattern == table.routes[i].pattern.wire_text());
    CHECK(view.key(i).port == table.routes[i].public_port());
  }
  CHECK_FALSE(view.key(0).http_port);
  CHECK(view.key(3).http_port == 80);
  CHECK(view.key(3).is_on({80, Protocol::Http}));
  CHECK(view.key(3).is_on({0, Protocol::Tls}));
  CHECK_FALSE(view.key(0).is_on({0, Protocol::Http}));
  CHECK(view.key(2).is_on({25565, Protocol::Raw}));
  CHECK_FALSE(view.key(2).is_on({25565, Protocol::Tls}));
  for (std::size_t i = 0; i < view.size(); ++i) CHECK(view.is_elaborate(i) == (i != 0 && i != 3));
}

TEST_CASE("table_view: what is cut off, out of range or not in its normal form is refused",
          "[common]") {
  const Bytes bytes = encode_table(sample());
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const Bytes part = test::prefix(bytes, size);
    const auto view = TableView::parse(part);
    CAPTURE(size);
    // A table that ends between two routes is a table.
    CHECK(view.has_value() == decode_table(part).has_value());
    if (!view) CHECK(view.error().code == Errc::Protocol);
  }
  Bytes upper = bytes;
  const auto name = test::bytes_of("app.example.com");
  *std::ranges::search(upper, name).begin() = 'A';
  CHECK_FALSE(decode_table(upper));
  CHECK_FALSE(TableView::parse(upper));
  CHECK(TableView::parse({}).value().size() == 0);
}

TEST_CASE("table_view: the requests that carry a table", "[common]") {
  const Table table = sample();
  const Bytes set = encode({7, Set{table, 43}});
  const auto request = read_table_request(set).value();
  REQUIRE(request);
  CHECK(request->id == 7);
  CHECK(request->is_set);
  CHECK(request->digest == 43);
  CHECK(std::ranges::equal(request->table, encode_table(table)));
  CHECK(request->table.data() > set.data());
  const Bytes check_body = encode({8, Check{table}});
  const auto check = read_table_request(check_body).value();
  REQUIRE(check);
  CHECK(check->id == 8);
  CHECK_FALSE(check->is_set);
  CHECK(std::ranges::equal(check->table, encode_table(table)));
  CHECK_FALSE(read_table_request(encode({7, StatsRequest{}})).value());
  CHECK_FALSE(read_table_request(Bytes{0, 5, 0}).value());  // not even an id: decode says so
  CHECK(read_table_request(Bytes{0, 5, 0, 0, 0, 1}).value()->table.empty());
  for (std::size_t size = 7; size + 7 < set.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_table_request(std::span(set).first(size)));
  }
  Bytes twice = set;
  twice.insert(twice.end(), set.begin() + 6, set.end());  // behind type and id
  REQUIRE(decode(twice));
  CHECK_FALSE(read_table_request(twice));
}

}  // namespace
}  // namespace adit::control
