// Any bytes as a cache file, as a table, and as a message that may carry one: an error, or a table
// that is the same by whichever way it is read.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/control/codec.hpp"
#include "relay/route_table.hpp"
#include "relay/table_cache.hpp"

namespace {

using Bytes = std::span<const std::uint8_t>;

void require(bool is_so) {
  if (!is_so) std::abort();
}

void check_keys(const adit::control::TableView& view, const adit::control::Table& table) {
  require(view.size() == table.routes.size() && view.settings() == table.settings);
  for (std::size_t i = 0; i < view.size(); ++i) {
    const auto key = view.key(i);
    const auto want = adit::control::key_of(table.routes[i]);
    require(view.route(i) == table.routes[i]);
    require(key.name == want.name && key.pattern == want.pattern && key.port == want.port &&
            key.http_port == want.http_port);
  }
}

void check(const adit::control::TableView& view, const adit::control::Table& table) {
  using namespace adit::relay;
  check_keys(view, table);
  const auto file = encode_table_cache(view.bytes(), 1);
  const auto again = decode_table_cache(file);
  require(again && std::ranges::equal(again->table, view.bytes()) && again->digest == 1);
  auto checked = check_table(view.bytes()).value();
  require(checked.problems == find_problems(table));
  if (!checked.problems.empty()) return;
  RouteStates states;
  const auto built = RouteTable::build({}, std::move(checked), nullptr, states);
  for (std::size_t i = 0; i < view.size(); ++i) {
    const auto* found = built->find_by_name(built->name_of(i));
    require(found != nullptr && (*found)->spec == table.routes[i]);
  }
}

void check_bytes(Bytes bytes) {
  const auto view = adit::control::TableView::parse(bytes);
  const auto table = adit::control::decode_table(bytes);
  if (view) {
    require(table.has_value());
    check(*view, *table);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  if (const auto cached = adit::relay::decode_table_cache(bytes)) check_bytes(cached->table);
  check_bytes(bytes);
  const auto request = adit::control::read_table_request(bytes);
  if (request && *request) check_bytes((*request)->table);
  return 0;
}
