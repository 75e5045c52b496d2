// Any bytes as the head of an HTTP request, whole and cut in two: both give the same answer, a host
// is valid and in its normal form, and what would be put into a redirect cannot end its line.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "relay/http_answer.hpp"
#include "relay/http_head.hpp"

namespace {

void check(const adit::relay::HttpHead& head) {
  if (head.target.empty() || head.target.front() != '/') std::abort();
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::all_of(head.target.begin(), head.target.end(), is_visible)) std::abort();
  if (!head.host) return;
  const auto again = adit::HostName::parse(head.host->wire_text());
  if (!again || *again != *head.host) std::abort();
  const std::string answer = adit::relay::redirect_to_https(head, 8443);
  if (answer.find("\r\n\r\n") + 4 != answer.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adit::relay;
  const std::span<const std::uint8_t> all(data, size);
  HttpHeadReader whole;
  const HeadStatus status = whole.feed(all);
  if (status == HeadStatus::Complete) check(whole.head());
  if (status == HeadStatus::NeedMore && size > kMaxHeadBytes) std::abort();

  HttpHeadReader cut;
  const std::size_t half = size / 2;
  HeadStatus in_two = cut.feed(all.first(half));
  // What follows a head that is whole already is payload.
  if (in_two == HeadStatus::NeedMore) in_two = cut.feed(all);
  if (in_two != status && size <= kMaxHeadBytes) std::abort();
  return 0;
}
