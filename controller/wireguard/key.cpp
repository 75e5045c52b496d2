#include "controller/wireguard/key.hpp"

#include <memory>
#include <optional>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "controller/secrets/secret_file.hpp"
#include "controller/secrets/wipe.hpp"

namespace adit::wireguard {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kTextLength = 44;  // 32 bytes: 43 digits and one '='

/// RFC 7748 §5: the low three bits and the high bit are fixed, whatever was drawn.
void clamp(KeyBytes& bytes) {
  bytes[0] &= 0xf8;
  bytes[31] = static_cast<std::uint8_t>((bytes[31] & 0x7f) | 0x40);
}

std::string encode(const KeyBytes& bytes) {
  std::string text;
  text.reserve(kTextLength);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const auto byte : bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += kAlphabet[(bits >> held) & 0x3f];
    }
  }
  text += kAlphabet[(bits << (6 - held)) & 0x3f];  // 256 = 42 * 6 + 4: four bits are left over
  text += '=';
  return text;
}

/// Strict: exactly 44 characters, '=' at the end only, and the two spare bits zero, so that one key
/// has one text.
std::optional<KeyBytes> decode(std::string_view text) {
  if (text.size() != kTextLength || text.back() != '=') return std::nullopt;
  text.remove_suffix(1);
  KeyBytes bytes{};
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t count = 0;
  for (const char digit : text) {
    const auto value = kAlphabet.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[count++] = static_cast<std::uint8_t>(bits >> held);
  }
  if ((bits & 0x3) != 0) return std::nullopt;
  return bytes;
}

constexpr const char* kForm = "a WireGuard key is 44 characters of base64 that end in '='";

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

}  // namespace

Result<PublicKey> PublicKey::parse(std::string_view base64) {
  const auto bytes = decode(base64);
  if (!bytes) return fail(Errc::Invalid, fmt::format("not a public key: {}", kForm));
  return PublicKey{*bytes};
}

std::string PublicKey::base64() const {
  return encode(bytes);
}

std::string PublicKey::brief() const {
  return encode(bytes).substr(0, 6) + "…";
}

Result<PrivateKey> PrivateKey::generate() {
  KeyBytes bytes{};
  const secrets::WipeAtExit wiper(bytes);
  if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(Errc::System, "OpenSSL has no random bytes for a private key");
  }
  clamp(bytes);
  return PrivateKey(bytes);
}

Result<PrivateKey> PrivateKey::parse(std::string_view base64) {
  auto bytes = decode(base64);
  if (!bytes) return fail(Errc::Invalid, fmt::format("not a private key: {}", kForm));
  return from_bytes(*bytes);
}

PrivateKey PrivateKey::from_bytes(KeyBytes bytes) {
  const secrets::WipeAtExit wiper(bytes);
  clamp(bytes);
  return PrivateKey(bytes);
}

Result<PublicKey> PrivateKey::public_key() const {
  const KeyPtr key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, reveal().data(), reveal().size()),
      &EVP_PKEY_free);
  PublicKey result;
  std::size_t size = result.bytes.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), result.bytes.data(), &size) != 1 ||
      size != result.bytes.size()) {
    return fail(Errc::System, "OpenSSL could not compute the public key (X25519)");
  }
  return result;
}

std::string PrivateKey::base64() const {
  return encode(reveal());
}

Result<PrivateKey> load_private_key(const std::string& path) {
  constexpr std::size_t kFileLimit = 256;  // a key, a newline, and room for a stray one
  auto text = secrets::read_secret_file(path, kFileLimit);
  if (!text) return fail(text.error());
  const secrets::WipeAtExit wiper(*text);
  const std::string_view line(*text);
  auto key = PrivateKey::parse(line.substr(0, line.find_last_not_of(" \t\r\n") + 1));
  if (!key) return fail(key.error().within(path));
  return key;
}

Result<PrivateKey> load_or_create_private_key(const std::string& path) {
  auto known = load_private_key(path);
  if (known || known.error().code != Errc::NotFound) return known;
  auto key = PrivateKey::generate();
  if (!key) return key;
  std::string line = key->base64();
  line.reserve(line.size() + 1);
  const secrets::WipeAtExit wiper(line);
  line += '\n';
  if (auto made = secrets::create_secret_file(path, line); !made) return fail(made.error());
  return key;
}

}  // namespace adit::wireguard
