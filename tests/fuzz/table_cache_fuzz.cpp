// Any bytes as a cache file, and as the table of one whose header is right: an error or a table
// that writes and reads as itself.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/control/codec.hpp"
#include "relay/route_table.hpp"
#include "relay/table_cache.hpp"

namespace {

void check(const adit::control::Table& table) {
  using namespace adit::relay;
  const auto again = decode_table_cache(encode_table_cache(table, 1));
  if (!again || again->table != table || again->digest != 1) std::abort();
  LeavingStates leaving;
  const bool is_good = find_problems(table).empty();
  if (RouteTable::build(table, nullptr, leaving).has_value() != is_good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  if (const auto cached = adit::relay::decode_table_cache(bytes)) check(cached->table);
  if (const auto table = adit::control::decode_table(bytes)) check(*table);
  return 0;
}
