#include "controller/cli/key_material.hpp"

#include <algorithm>
#include <memory>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

  void operator()(BIO* bio) const { BIO_free_all(bio); }

  void operator()(BIGNUM* number) const { BN_free(number); }
};

using Key = std::unique_ptr<EVP_PKEY, Free>;
using Bytes = std::vector<std::uint8_t>;

std::string pem_of(EVP_PKEY* key, const char* passphrase = nullptr) {
  const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_mem()));
  const auto size = passphrase == nullptr ? 0 : static_cast<int>(std::string(passphrase).size());
  REQUIRE(PEM_write_bio_PrivateKey(
              out.get(), key, passphrase == nullptr ? nullptr : EVP_aes_128_cbc(),
              reinterpret_cast<const unsigned char*>(passphrase), size, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

Bytes number_of(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(key, name, &raw) == 1);
  const std::unique_ptr<BIGNUM, Free> number(raw);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(raw)));
  BN_bn2bin(raw, bytes.data());
  return bytes;
}

bool has(const std::vector<Needle>& needles, const Bytes& bytes) {
  return std::any_of(needles.begin(), needles.end(), [&](const Needle& needle) {
    return std::equal(bytes.begin(), bytes.end(), needle.bytes().begin(), needle.bytes().end());
  });
}

Bytes reversed(const Bytes& bytes) {
  return {bytes.rbegin(), bytes.rend()};
}

}  // namespace

TEST_CASE("key_material: an RSA key by its primes and exponent, in both byte orders", "[cli]") {
  const Key key(EVP_RSA_gen(1024));
  const std::string pem = pem_of(key.get());
  const auto needles = needles_of_text("home.key", pem);
  REQUIRE(needles);
  for (const char* name :
       {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_D}) {
    const Bytes bytes = number_of(key.get(), name);
    CHECK(has(*needles, bytes));
    CHECK(has(*needles, reversed(bytes)));
  }
  CHECK_FALSE(has(*needles, number_of(key.get(), OSSL_PKEY_PARAM_RSA_N)));  // that one is public
}

TEST_CASE("key_material: an EC key by its scalar", "[cli]") {
  const Key key(EVP_EC_gen("P-256"));
  const auto needles = needles_of_text("home.key", pem_of(key.get()));
  REQUIRE(needles);
  const Bytes scalar = number_of(key.get(), OSSL_PKEY_PARAM_PRIV_KEY);
  CHECK(has(*needles, scalar));
  CHECK(has(*needles, reversed(scalar)));
}

TEST_CASE("key_material: an Ed25519 key by its 32 bytes", "[cli]") {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  Bytes raw(32);
  std::size_t size = raw.size();
  REQUIRE(EVP_PKEY_get_raw_private_key(key.get(), raw.data(), &size) == 1);
  const auto needles = needles_of_text("home.key", pem_of(key.get()));
  REQUIRE(needles);
  CHECK(has(*needles, raw));
}

TEST_CASE("key_material: the text of the file is looked for too, without its marker", "[cli]") {
  const Key key(EVP_RSA_gen(1024));
  const std::string pem = pem_of(key.get());
  const auto needles = needles_of_text("home.key", "a comment\n" + pem);
  REQUIRE(needles);
  const auto text = std::find_if(needles->begin(), needles->end(), [](const Needle& needle) {
    return needle.label() == "home.key: PEM text";
  });
  REQUIRE(text != needles->end());
  const std::string line(text->bytes().begin(), text->bytes().end());
  CHECK(line.size() == 64);
  CHECK(pem.find("\n" + line + "\n") != std::string::npos);
}

TEST_CASE("key_material: a WireGuard key as text, hexadecimal and bytes", "[cli]") {
  // 0x00..0x1f in base64.
  const auto needles = needles_of_text("wg.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
  REQUIRE(needles);
  Bytes bytes(32);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  CHECK(has(*needles, bytes));
  const std::string hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  CHECK(has(*needles, Bytes(hex.begin(), hex.end())));
  const std::string text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  CHECK(has(*needles, Bytes(text.begin(), text.end())));
}

TEST_CASE("key_material: what is no key is refused, and never repeated", "[cli]") {
  const Key key(EVP_EC_gen("P-256"));
  const std::string encrypted = pem_of(key.get(), "secret phrase");

  struct Row {
    std::string in;
    std::string want;
  };

  const Row row = GENERATE_REF(
      Row{"", "neither"}, Row{"hunter2", "neither"},
      Row{"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no private key"},
      Row{"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", "no private key"},
      Row{encrypted, "passphrase"},
      Row{"!!ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "not a WireGuard key"});
  const auto needles = needles_of_text("x.key", row.in);
  REQUIRE_FALSE(needles);
  CHECK(needles.error().code == adit::Errc::Invalid);
  CHECK_THAT(needles.error().what, Catch::StartsWith("x.key: ") && Catch::Contains(row.want));
  CHECK_THAT(needles.error().what, !Catch::Contains("hunter2"));
}
