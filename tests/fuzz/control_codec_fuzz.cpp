// Any bytes: decoding never reads past them, and what decodes encodes and decodes to the same.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/control/codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = adit::control::decode(std::span(data, size));
  if (!first) return 0;
  const auto again = adit::control::decode(adit::control::encode(*first));
  if (!again || *again != *first) std::abort();
  return 0;
}
