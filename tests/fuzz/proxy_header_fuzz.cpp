// Any bytes as the start of a load balancer's connection, whole and cut in two: both come to the
// same, no more than the bound is waited for, and what was understood can be said again.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "relay/proxy_header_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adit::relay;
  const std::span<const std::uint8_t> all(data, size);
  ProxyHeaderReader whole;
  const ProxyStatus status = whole.feed(all);
  if (status == ProxyStatus::NeedMore && size >= kMaxProxyHeaderBytes) std::abort();
  ProxyHeaderReader cut;
  (void)cut.feed(all.first(size / 2));
  if (cut.feed(all) != status || cut.addresses() != whole.addresses()) std::abort();
  if (status != ProxyStatus::Complete) return 0;
  if (whole.size_bytes() > size) std::abort();
  if (!whole.addresses()) return 0;
  ProxyHeaderReader again;
  const auto header = proxy_header_v2(*whole.addresses(), {});
  if (again.feed(header) != ProxyStatus::Complete) std::abort();
  return again.addresses() == whole.addresses() ? 0 : (std::abort(), 1);
}
