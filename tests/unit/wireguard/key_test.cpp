#include "controller/wireguard/key.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "tests/support/catch.hpp"
#include "tests/unit/wireguard/hex.hpp"
#include "tests/unit/wireguard/temporary_directory.hpp"

using namespace adit;
using namespace adit::wireguard;

namespace {

KeyBytes key_bytes(std::string_view hex) {
  const auto bytes = test::from_hex(hex);
  KeyBytes key{};
  REQUIRE(bytes.size() == key.size());
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

void write_file(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// `wg genkey` and `wg pubkey` of wireguard-tools 1.0.20210914.
constexpr const char* kPrivate = "YIHRTHLpSMs1PJ2Ycmtc+jSKasOGSbRhdwSJz9YZFXQ=";

}  // namespace

TEST_CASE("key: public keys of RFC 7748 §6.1", "[wireguard]") {
  struct Vector {
    const char* private_key;
    const char* public_key;
  };

  const auto vector =
      GENERATE(Vector{"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
               Vector{"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"});
  const auto key = PrivateKey::from_bytes(key_bytes(vector.private_key));
  const auto public_key = key.public_key();
  REQUIRE(public_key);
  CHECK(public_key->bytes == key_bytes(vector.public_key));
}

TEST_CASE("key: a private key is clamped however it comes", "[wireguard]") {
  KeyBytes all_ones;
  all_ones.fill(0xff);
  const auto key = PrivateKey::from_bytes(all_ones);
  CHECK(key.reveal()[0] == 0xf8);
  CHECK(key.reveal()[31] == 0x7f);
  for (int i = 0; i < 20; ++i) {
    const auto made = PrivateKey::generate();
    REQUIRE(made);
    CHECK((made->reveal()[0] & 0x07) == 0);
    CHECK((made->reveal()[31] & 0xc0) == 0x40);
  }
  CHECK(PrivateKey::generate()->reveal() != PrivateKey::generate()->reveal());
}

TEST_CASE("key: base64 is what wg(8) writes, and comes back", "[wireguard]") {
  const auto key = PrivateKey::parse(kPrivate);
  REQUIRE(key);
  CHECK(key->base64() == kPrivate);
  CHECK(key->public_key()->base64() == "rgjFt4s1fjWsghPvTifnU8kMIWfJparD5VHfuSdG8w0=");
  CHECK(key->public_key()->brief() == "rgjFt4…");
  CHECK(PublicKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")->bytes == KeyBytes{});
}

TEST_CASE("key: text that is no key is refused without being repeated", "[wireguard]") {
  const auto* const text =
      GENERATE(as<const char*>{}, "", "=", "mQ7Z",
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3k",   // no '='
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3==",  // 31 bytes
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3kk",  // 33 bytes
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3l=",  // not canonical: a spare bit is set
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3m=",  // the other spare bit
               "m8S7H56mUHDr7qoB4mj9=g25MZlqm0zryeaAYOroC3k=",  // '=' inside
               " 8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3k=",  // a blank
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3k=\n",  // a newline
               "m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3_=");   // URL alphabet
  CAPTURE(text);
  const auto key = PublicKey::parse(text);
  REQUIRE_FALSE(key);
  CHECK(key.error().code == Errc::Invalid);
  CHECK(key.error().what ==
        "not a public key: a WireGuard key is 44 characters of base64 that end in '='");
  CHECK_FALSE(PrivateKey::parse(text));
}

TEST_CASE("key: the node's key is made once, with mode 0600", "[wireguard]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("wireguard.key");
  const auto made = load_or_create_private_key(path);
  REQUIRE(made);

  struct stat status {};

  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(read_file(path) == made->base64() + "\n");
  const auto loaded = load_or_create_private_key(path);
  REQUIRE(loaded);
  CHECK(loaded->reveal() == made->reveal());
  const auto entries = std::filesystem::directory_iterator(directory.file(""));
  CHECK(std::distance(begin(entries), end(entries)) == 1);  // no temporary file is left
}

TEST_CASE("key: a file that others can read, or that is no key, is refused", "[wireguard]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("wireguard.key");
  SECTION("mode 0640") {
    write_file(path, kPrivate, 0640);
    const auto key = load_or_create_private_key(path);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::Denied);
    CHECK(key.error().what ==
          path + " has mode 0640, so others can get at the secret in it: chmod 600 " + path);
  }
  SECTION("mode 0400 is stricter, and good") {
    write_file(path, kPrivate, 0400);
    CHECK(load_or_create_private_key(path));
  }
  SECTION("no key in it") {
    write_file(path, "cGcDaDs9s5hV8IA", 0600);
    const auto key = load_or_create_private_key(path);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == Errc::Invalid);
    CHECK(key.error().what.find("cGcDaDs9s5hV8IA") == std::string::npos);
    CHECK(read_file(path) == "cGcDaDs9s5hV8IA");  // and it is not replaced
  }
  SECTION("empty") {
    write_file(path, "", 0600);
    CHECK_FALSE(load_or_create_private_key(path));
  }
}
