// Any bytes: the same answer in one piece and in pieces whose sizes the input itself chooses, each
// in an allocation of its own; and with kMaxBufferedBytes there is always an answer.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "relay/client_hello.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adit::relay;
  const std::span all(data, size);
  ClientHelloReader whole;
  const ParseStatus want = whole.feed(all);
  if (want == ParseStatus::NeedMore && size >= kMaxBufferedBytes) std::abort();

  ClientHelloReader pieces;
  ParseStatus got = pieces.feed({});
  for (std::size_t end = 0; end < size && got == ParseStatus::NeedMore;) {
    end = std::min(end + 1 + data[end] % 64U + size / 64, size);
    const std::vector<std::uint8_t> copy(data, data + end);
    got = pieces.feed(copy);
  }
  if (got != want || !(pieces.hello() == whole.hello())) std::abort();
  if (want != ParseStatus::Complete && !(whole.hello() == ClientHello{})) std::abort();
  return 0;
}
