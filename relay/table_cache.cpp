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
constexpr std::uint16_t kFormat = 2;

tl::unexpected<Error> damaged(std::string_view how) {
  return fail(Errc::Protocol, fmt::format("the cached route table {}", how));
}

}  // namespace

std::vector<std::uint8_t> encode_table_cache(const control::Table& table) {
  const std::vector<std::uint8_t> body = control::encode_table(table);
  ByteWriter out;
  out.reserve(body.size() + 64);
  out.text(kMagic);
  out.u16(kFormat);
  out.u64(body.size());
  out.u64(control::digest_of_encoded(body) ^ table.revision);
  out.bytes(body);
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
  const auto length = in.u64();
  const auto checksum = in.u64();
  if (!format || !length || !checksum) return damaged("is cut off in its header");
  if (*format != kFormat) {
    return damaged(fmt::format("is of format {}, not {}", *format, kFormat));
  }
  if (*length != in.remaining()) {
    return damaged(fmt::format("has {} bytes instead of {}", in.remaining(), *length));
  }
  const auto body = *in.bytes(in.remaining());
  auto table = control::decode_table(body);
  if (!table) return fail(table.error().within("the cached route table"));
  const std::uint64_t digest = control::digest_of_encoded(body);
  if ((digest ^ table->revision) != *checksum) return damaged("does not match its checksum");
  return CachedTable{std::move(*table), digest};
}

}  // namespace adit::relay
