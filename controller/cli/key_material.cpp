#include "controller/cli/key_material.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/os/files.hpp"

namespace adit::cli {

namespace {

using Bytes = std::vector<std::uint8_t>;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;

constexpr std::size_t kLargestKeyFile = std::size_t{64} << 10;
constexpr std::size_t kWireGuardText = 44;  ///< base64 of 32 bytes, one '=' at the end

void add(std::vector<Needle>& needles, const std::string& label, Bytes bytes) {
  if (bytes.size() >= Needle::kShortest) needles.emplace_back(label, std::move(bytes));
}

/// Big-endian as in files and on the wire, little-endian as the limbs of a big number lie in the
/// memory of a little-endian machine.
void add_both_orders(std::vector<Needle>& needles, const std::string& label, Bytes bytes) {
  add(needles, label + " (reversed)", Bytes(bytes.rbegin(), bytes.rend()));
  add(needles, label, std::move(bytes));
}

void add_number(std::vector<Needle>& needles, const std::string& label, const EVP_PKEY* key,
                const char* parameter) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) return;
  const NumberPtr number(raw);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), bytes.data());
  add_both_orders(needles, label, std::move(bytes));
}

void add_raw(std::vector<Needle>& needles, const std::string& label, const EVP_PKEY* key) {
  std::size_t size = 0;
  if (EVP_PKEY_get_raw_private_key(key, nullptr, &size) != 1) return;
  Bytes bytes(size);
  if (EVP_PKEY_get_raw_private_key(key, bytes.data(), &size) != 1) return;
  add(needles, label, std::move(bytes));
}

/// The second line of the PEM's body: its text may lie in memory without the marker.
void add_body_line(std::vector<Needle>& needles, const std::string& label, std::string_view text) {
  const std::size_t begin = text.find("PRIVATE KEY-----");
  if (begin == std::string_view::npos) return;
  std::size_t line = text.find('\n', begin);
  if (line != std::string_view::npos) line = text.find('\n', line + 1);
  if (line == std::string_view::npos) return;
  std::string_view body = text.substr(line + 1);
  body = body.substr(0, body.find_first_of("\r\n"));
  if (!body.starts_with("-----"))
    add(needles, label + ": PEM text", Bytes(body.begin(), body.end()));
}

/// No passphrase is asked for: an encrypted key is no key for us.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* /*user*/) noexcept {
  return 0;
}

Result<std::vector<Needle>> pem_needles(const std::string& label, std::string_view text) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return fail(Errc::Invalid,
                fmt::format("{}: no private key that can be read without a passphrase", label));
  }
  std::vector<Needle> needles;
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    add_number(needles, label + ": prime p", key.get(), OSSL_PKEY_PARAM_RSA_FACTOR1);
    add_number(needles, label + ": prime q", key.get(), OSSL_PKEY_PARAM_RSA_FACTOR2);
    add_number(needles, label + ": private exponent", key.get(), OSSL_PKEY_PARAM_RSA_D);
  } else if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
    add_number(needles, label + ": private scalar", key.get(), OSSL_PKEY_PARAM_PRIV_KEY);
  } else {
    add_raw(needles, label + ": private key", key.get());
  }
  if (needles.empty()) {
    return fail(Errc::Invalid, fmt::format("{}: keys of this kind cannot be searched for", label));
  }
  add_body_line(needles, label, text);
  return needles;
}

/// wg(8)'s form: the text itself, its 32 bytes, and the hexadecimal form of the UAPI.
Result<std::vector<Needle>> wireguard_needles(const std::string& label, std::string_view base64) {
  Bytes decoded(kWireGuardText);
  const int size =
      EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(base64.data()),
                      static_cast<int>(base64.size()));
  ERR_clear_error();
  if (size != 33) return fail(Errc::Invalid, fmt::format("{}: not a WireGuard key", label));
  decoded.resize(32);  // EVP_DecodeBlock counts the padding as a byte
  Bytes hex;
  for (const std::uint8_t byte : decoded) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  std::vector<Needle> needles;
  add(needles, label + ": base64 text", Bytes(base64.begin(), base64.end() - 1));
  add(needles, label + ": hexadecimal text", std::move(hex));
  add(needles, label + ": key bytes", std::move(decoded));
  return needles;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<std::vector<Needle>> needles_of_text(const std::string& label, std::string_view text) {
  if (text.find("-----BEGIN ") != std::string_view::npos) return pem_needles(label, text);
  const std::string_view word = trimmed(text);
  if (word.size() == kWireGuardText && word.back() == '=') return wireguard_needles(label, word);
  return fail(Errc::Invalid,
              fmt::format("{}: neither a PEM private key nor a WireGuard key in base64", label));
}

Result<std::vector<Needle>> needles_of_file(const std::string& path) {
  auto bytes = os::read_file(path, kLargestKeyFile);
  if (!bytes) return fail(std::move(bytes).error());
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  auto needles = needles_of_text(path, text);
  explicit_bzero(bytes->data(), bytes->size());
  return needles;
}

}  // namespace adit::cli
