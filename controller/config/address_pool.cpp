#include "controller/config/address_pool.hpp"

#include <cassert>
#include <cstdint>

namespace adit::config {

namespace {

std::uint32_t number_of(const IpAddress& v4) {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : v4.bytes()) number = (number << 8) | byte;
  return number;
}

}  // namespace

IpAddress AddressPool::v6_for(const IpAddress& v4_address) const {
  assert(v4.contains(v4_address));
  return v6.address().plus(number_of(v4_address) - number_of(v4.address()));
}

bool AddressPool::is_site_address(const IpAddress& address) const {
  return address.is_v4() && address >= first_site_address() && address <= last_site_address();
}

bool AddressPool::is_source_address(const IpAddress& address) const {
  const IpAddress& first = (address.is_v4() ? v4 : v6).address();
  return address >= first.plus(2) && address <= first.plus(9);
}

}  // namespace adit::config
