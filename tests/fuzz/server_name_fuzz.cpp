// Any bytes as a host_name and as a server_name extension: a name that is found is valid and in its
// normal form, and nothing else carries one.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "relay/server_name.hpp"

namespace {

void check(const adit::relay::ServerName& found) {
  using namespace adit::relay;
  if (found.name.has_value() != (found.kind == ServerNameKind::Name)) std::abort();
  if (!found.name) return;
  const auto again = adit::HostName::parse(found.name->wire_text());
  if (!again || *again != *found.name) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(adit::relay::parse_server_name(std::span(data, size)));
  check(adit::relay::parse_server_name_extension(std::span(data, size)));
  return 0;
}
