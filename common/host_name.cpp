#include "common/host_name.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

#include <sys/random.h>

#include "common/net/ip_address.hpp"

namespace adit {

namespace {

std::atomic<Privacy> privacy_setting{Privacy::Full};

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

using HashKey = std::array<std::uint64_t, 2>;

const HashKey& process_key() {
  static const HashKey key = [] {
    HashKey fresh{};
    // Without randomness the hash would be guessable: better no process than one that pretends.
    if (getrandom(fresh.data(), sizeof fresh, 0) != static_cast<ssize_t>(sizeof fresh))
      std::abort();
    return fresh;
  }();
  return key;
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012): keyed, 64 bits.
std::uint64_t siphash(const HashKey& key, std::string_view text) {
  std::uint64_t v0 = key[0] ^ 0x736f6d6570736575ULL;
  std::uint64_t v1 = key[1] ^ 0x646f72616e646f6dULL;
  std::uint64_t v2 = key[0] ^ 0x6c7967656e657261ULL;
  std::uint64_t v3 = key[1] ^ 0x7465646279746573ULL;
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
    v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
    v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](std::uint64_t word) {
    v3 ^= word;
    round(), round();
    v0 ^= word;
  };
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    absorb(word);
  }
  std::uint64_t last = static_cast<std::uint64_t>(text.size()) << 56;
  std::memcpy(&last, text.data() + at, text.size() - at);
  absorb(last);
  v2 ^= 0xff;
  round(), round(), round(), round();
  return v0 ^ v1 ^ v2 ^ v3;
}

std::string shown(std::string_view name) {
  switch (privacy()) {
    case Privacy::Full:
      return std::string(name);
    case Privacy::Hash:
      return fmt::format("h:{:012x}", siphash(process_key(), name) >> 16);
    case Privacy::None:
      break;
  }
  return "-";
}

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// Why `label` is no valid label, or an empty view.
std::string_view label_fault(std::string_view label) {
  if (label.empty()) return "an empty label (two dots in a row, or a dot at the start)";
  if (label.size() > kMaxLabelBytes) return "a label of more than 63 bytes";
  if (label.front() == '-' || label.back() == '-') return "a label that starts or ends with '-'";
  for (const char c : label) {
    if (!is_name_byte(c)) return "a character other than letters, digits, '-' and '_'";
  }
  return {};
}

/// The one normal form of a host name.
Result<std::string> normalise(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return fail(Errc::Invalid, "a host name is empty");
  if (text.size() > kMaxNameBytes) {
    return fail(Errc::Invalid, "a host name has more than 253 bytes");
  }
  std::string name(text);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::string_view rest = name;
  while (true) {
    const std::size_t dot = rest.find('.');
    if (const auto fault = label_fault(rest.substr(0, dot)); !fault.empty()) {
      return fail(Errc::Invalid, fmt::format("a host name has {}", fault));
    }
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  // A colon was refused above, so only a dotted quad can be left; failing to parse one costs an
  // error text, which names without a digit at the end (the hot path) need not pay.
  const bool ends_in_digit = name.back() >= '0' && name.back() <= '9';
  if (ends_in_digit && IpAddress::parse(name)) {
    return fail(Errc::Invalid, "an IP address stands where a host name is needed");
  }
  return name;
}

}  // namespace

void set_privacy(Privacy privacy) {
  privacy_setting.store(privacy, std::memory_order_relaxed);
}

Privacy privacy() {
  return privacy_setting.load(std::memory_order_relaxed);
}

Result<HostName> HostName::parse(std::string_view text) {
  auto name = normalise(text);
  if (!name) return fail(std::move(name).error());
  return HostName(std::move(*name));
}

std::string HostName::display() const {
  return shown(text_);
}

Result<HostPattern> HostPattern::parse(std::string_view text) {
  if (text == "*") return HostPattern(Kind::CatchAll, "*");
  const bool is_wildcard = text.starts_with("*.");
  auto name = normalise(is_wildcard ? text.substr(2) : text);
  if (!name) {
    if (text.find('*') != std::string_view::npos) {
      return fail(Errc::Invalid,
                  "'*' may stand only alone or as the whole first label (*.example.com)");
    }
    return fail(std::move(name).error());
  }
  if (is_wildcard) return HostPattern(Kind::Wildcard, "*." + *name);
  return HostPattern(Kind::Exact, std::move(*name));
}

std::string_view HostPattern::name() const {
  switch (kind_) {
    case Kind::Exact:
      return text_;
    case Kind::Wildcard:
      return std::string_view(text_).substr(2);
    case Kind::CatchAll:
      break;
  }
  return {};
}

std::string HostPattern::display() const {
  switch (kind_) {
    case Kind::Exact:
      return shown(text_);
    case Kind::Wildcard:
      return "*." + shown(name());
    case Kind::CatchAll:
      break;
  }
  return "*";
}

}  // namespace adit
