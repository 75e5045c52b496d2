#include "relay/table_cache.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/bytes/byte_reader.hpp"
#include "common/bytes/byte_writer.hpp"
#include "common/control/codec.hpp"

namespace adit::relay {

namespace {

constexpr std::string_view kMagic = "adit-table\n";
constexpr std::uint16_t kFormat = 4;
constexpr std::size_t kChecksumBytes = 8;

tl::unexpected<Error> damaged(std::string_view how) {
  return fail(Errc::Protocol, fmt::format("the cached route table {}", how));
}

}  // namespace

std::vector<std::uint8_t> encode_table_cache(const control::Table& table, std::uint64_t digest) {
  return encode_table_cache(control::encode_table(table), digest);
}

std::vector<std::uint8_t> encode_table_cache(std::span<const std::uint8_t> body,
                                             std::uint64_t digest) {
  ByteWriter out;
  out.reserve(body.size() + 64);
  out.text(kMagic);
  out.u16(kFormat);
  out.u64(digest);
  out.u64(body.size());
  out.bytes(body);
  out.u64(control::checksum(out.view()));
  return out.take();
}

Result<CachedTable> decode_table_cache(std::span<const std::uint8_t> file) {
  ByteReader in(file);
  const auto magic = in.bytes(kMagic.size());
  if (!magic || !std::ranges::equal(*magic, kMagic, {}, {},
                                    [](char c) { return static_cast<std::uint8_t>(c); })) {
    return damaged("does not start as one");
  }
  const auto format = in.u16();
  if (format && *format != kFormat) {
    return damaged(fmt::format("is of format {}, not {}", *format, kFormat));
  }
  const auto digest = in.u64();
  const auto length = in.u64();
  if (!length || in.remaining() < kChecksumBytes) return damaged("is cut off in its header");
  const std::size_t behind = in.remaining() - kChecksumBytes;
  if (*length != behind) {
    return damaged(fmt::format("has {} bytes instead of {}", behind, *length));
  }
  const auto body = *in.bytes(behind);
  if (in.u64() != control::checksum(file.first(file.size() - kChecksumBytes))) {
    return damaged("does not match its checksum");
  }
  return CachedTable{body, *digest};
}

}  // namespace adit::relay
