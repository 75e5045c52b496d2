#include "controller/wireguard/site_config.hpp"

#include <iterator>

#include <fmt/format.h>

namespace adit::wireguard {
namespace {

std::string addresses_text(const std::vector<InterfaceAddress>& addresses) {
  std::string text;
  for (const auto& address : addresses) {
    fmt::format_to(std::back_inserter(text), "{}{}/{}", text.empty() ? "" : ", ", address.address,
                   address.length);
  }
  return text;
}

}  // namespace

std::string render_wg_quick(const SiteConfigInput& input) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(
      out,
      "# adit: the home side of site \"{0}\". Save it at home as /etc/wireguard/adit.conf "
      "(mode 0600).\n"
      "#\n"
      "# 1. Make the home's key at home; its private half never leaves it:\n"
      "#      wg genkey | tee private.key | wg pubkey > public.key\n"
      "# 2. Put the content of private.key into the line PrivateKey below.\n"
      "{1} Tell adit the public half:\n"
      "#      adit site set-key {0} CONTENT-OF-public.key\n"
      "# 4. Start it:\n"
      "#      wg-quick up adit\n"
      "\n",
      input.site,
      input.has_public_key ? "# 3. (adit has a public key of this site; only for a new one)"
                           : "# 3.");
  fmt::format_to(out, "[Interface]\nPrivateKey = <paste home's private key here>\nAddress = {}\n",
                 addresses_text(input.addresses));
  if (input.mtu) fmt::format_to(out, "MTU = {}\n", *input.mtu);
  fmt::format_to(out, "\n[Peer]\nPublicKey = {}\nEndpoint = {}\nAllowedIPs = {}\n",
                 input.node_public_key.base64(), input.endpoint,
                 fmt::join(input.allowed_ips, ", "));
  if (input.persistent_keepalive.count() > 0) {
    fmt::format_to(out, "PersistentKeepalive = {}\n", input.persistent_keepalive.count());
  }
  return text;
}

}  // namespace adit::wireguard
