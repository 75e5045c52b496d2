// WireGuard keys: 32 bytes of Curve25519 (RFC 7748 §5), base64 as wg(8) writes them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.hpp"
#include "controller/secrets/secret.hpp"

namespace adit::wireguard {

using KeyBytes = std::array<std::uint8_t, 32>;

struct PublicKey {
  KeyBytes bytes{};

  /// 44 characters of base64 that decode to 32 bytes; the error does not repeat the text (people
  /// paste private keys by mistake).
  static Result<PublicKey> parse(std::string_view base64);
  [[nodiscard]] std::string base64() const;
  /// "mQ7Zx1…": the first 6 characters, for logs and plans.
  [[nodiscard]] std::string brief() const;

  auto operator<=>(const PublicKey&) const = default;
};

/// A private key: clamped, never printed.
class PrivateKey {
 public:
  /// A fresh one from the system's random source (OpenSSL RAND_priv_bytes).
  static Result<PrivateKey> generate();
  /// As PublicKey::parse; clamped, as every WireGuard does with what it is given.
  static Result<PrivateKey> parse(std::string_view base64);
  /// From 32 raw bytes, as UAPI shows them; the caller wipes its own.
  static PrivateKey from_bytes(KeyBytes bytes);

  /// X25519 with the base point. Errc::System if OpenSSL refuses.
  [[nodiscard]] Result<PublicKey> public_key() const;

  [[nodiscard]] const KeyBytes& reveal() const { return bytes_.reveal(); }

  /// For the key file only. The caller wipes the text.
  [[nodiscard]] std::string base64() const;

 private:
  explicit PrivateKey(const KeyBytes& bytes) : bytes_(bytes) {}

  secrets::Secret<KeyBytes> bytes_;
};

/// The node's own key in `path`; its mode must be 0600 or stricter (secrets/secret_file.hpp).
/// Errc::NotFound if there is no such file.
Result<PrivateKey> load_private_key(const std::string& path);

/// The same; or made at first start with mode 0600 and synced to disk.
Result<PrivateKey> load_or_create_private_key(const std::string& path);

}  // namespace adit::wireguard
