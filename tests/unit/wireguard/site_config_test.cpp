#include "controller/wireguard/site_config.hpp"

#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::wireguard;

namespace {

SiteConfigInput home() {
  SiteConfigInput input;
  input.site = "home";
  input.addresses = {{*IpAddress::parse("10.98.0.10"), 32},
                     {*IpAddress::parse("fd12:3456:789a::a"), 128}};
  input.node_public_key = *PublicKey::parse("m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3k=");
  input.endpoint = "vps.example.com:51820";
  input.allowed_ips = {*IpPrefix::parse("10.98.0.0/20"), *IpPrefix::parse("fd12:3456:789a::/64")};
  return input;
}

}  // namespace

TEST_CASE("site_config: the wg-quick file of a new site", "[wireguard]") {
  CHECK(
      render_wg_quick(home()) ==
      R"(# adit: the home side of site "home". Save it at home as /etc/wireguard/adit.conf (mode 0600).
#
# 1. Make the home's key at home; its private half never leaves it:
#      wg genkey | tee private.key | wg pubkey > public.key
# 2. Put the content of private.key into the line PrivateKey below.
# 3. Tell adit the public half:
#      adit site set-key home CONTENT-OF-public.key
# 4. Start it:
#      wg-quick up adit

[Interface]
PrivateKey = <paste home's private key here>
Address = 10.98.0.10/32, fd12:3456:789a::a/128

[Peer]
PublicKey = m8S7H56mUHDr7qoB4mj9Sg25MZlqm0zryeaAYOroC3k=
Endpoint = vps.example.com:51820
AllowedIPs = 10.98.0.0/20, fd12:3456:789a::/64
PersistentKeepalive = 25
)");
}

TEST_CASE("site_config: MTU, no keepalive, a key that adit has", "[wireguard]") {
  auto input = home();
  input.mtu = 1380;
  input.persistent_keepalive = Seconds(0);
  input.has_public_key = true;
  const auto text = render_wg_quick(input);
  CHECK(text.find("Address = 10.98.0.10/32, fd12:3456:789a::a/128\nMTU = 1380\n") !=
        std::string::npos);
  CHECK(text.find("PersistentKeepalive") == std::string::npos);
  CHECK(text.find("# 3. (adit has a public key of this site; only for a new one) Tell adit the "
                  "public half:") != std::string::npos);
}
