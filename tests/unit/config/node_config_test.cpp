#include "controller/config/node_config.hpp"

#include <fstream>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/unit/config/fixtures.hpp"

using namespace adit::config;

namespace {

std::string problems_of_node(const std::string& text) {
  const auto read = read_node_config("controller.yaml", text);
  return read ? std::string{} : test::lines(read.error());
}

/// The file that the package installs as /etc/adit/controller.yaml; `is_set`: with every setting
/// that it explains
/// ("#key: value"; other comments have a blank behind the #) made a real one.
std::string shipped_file(bool is_set = false) {
  std::ifstream file(ADIT_TEST_DATA "/../../../deploy/controller.yaml");
  std::string text;
  for (std::string line; std::getline(file, line);) {
    const bool is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += (is_set && is_setting ? line.substr(1) : line) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("node_config: the file as it is shipped changes nothing", "[config]") {
  const std::string text = shipped_file();
  REQUIRE(text.size() > 1000);
  const auto read = read_node_config("controller.yaml", text);
  REQUIRE(read);
  CHECK(*read == NodeConfig{});
}

TEST_CASE("node_config: the shipped file explains every key, with its default", "[config]") {
  const std::string set = shipped_file(true);
  for (const char* key : {"control_socket", "relay_socket", "state_dir", "interface", "listen_port",
                          "endpoint", "public_addresses", "tunnel", "wireguard_go", "uapi_dir"}) {
    CAPTURE(key);
    CHECK(set.find("\n" + std::string(key) + ": ") != std::string::npos);
  }
  auto read = read_node_config("controller.yaml", set);
  REQUIRE(read);
  CHECK(read->endpoint);
  CHECK(read->public_addresses.size() == 2);
  CHECK((read->tunnel_v4 && read->tunnel_v6));
  // These four have no default that could be written.
  read->endpoint.reset();
  read->public_addresses.clear();
  read->tunnel_v4.reset();
  read->tunnel_v6.reset();
  CHECK(*read == NodeConfig{});
}

TEST_CASE("node_config: an empty file means every default", "[config]") {
  for (const char* text : {"", "# nothing\n", "{}"}) {
    const auto read = read_node_config("controller.yaml", text);
    REQUIRE(read);
    CHECK(*read == NodeConfig{});
  }
}

TEST_CASE("node_config: every key", "[config]") {
  const auto read = read_node_config("controller.yaml",
                                     "control_socket: /tmp/d/control.sock\n"
                                     "relay_socket: /tmp/d/relay.sock\n"
                                     "state_dir: /tmp/d/state\n"
                                     "interface: adit7\n"
                                     "listen_port: 0\n"
                                     "endpoint: vps.example.com:51820\n"
                                     "public_addresses: [192.0.2.1, \"2001:db8::1\"]\n"
                                     "tunnel: {ipv4: 10.98.16.0/20, ipv6: \"fd00:db8:0:1::/64\"}\n"
                                     "wireguard_go: /usr/bin/wireguard-go\n"
                                     "uapi_dir: /tmp/d/wireguard\n"
                                     "store: sqlite\n"
                                     "watch: []\n");
  REQUIRE(read);
  NodeConfig want;
  want.control_socket = "/tmp/d/control.sock";
  want.relay_socket = "/tmp/d/relay.sock";
  want.state_dir = "/tmp/d/state";
  want.interface = "adit7";
  want.listen_port = 0;
  want.endpoint = "vps.example.com:51820";
  want.public_addresses = {test::address("192.0.2.1"), test::address("2001:db8::1")};
  want.tunnel_v4 = test::prefix("10.98.16.0/20");
  want.tunnel_v6 = test::prefix("fd00:db8:0:1::/64");
  want.wireguard_go = "/usr/bin/wireguard-go";
  want.uapi_dir = "/tmp/d/wireguard";
  CHECK(*read == want);
}

TEST_CASE("node_config: endpoints are names or addresses, with or without a port", "[config]") {
  for (const char* right : {"vps.example.com", "192.0.2.1", "192.0.2.1:51820", "\"2001:db8::1\"",
                            "\"[2001:db8::1]:51820\"", "vps:1"}) {
    CAPTURE(right);
    CHECK(problems_of_node(std::string("endpoint: ") + right).empty());
  }
  for (const char* wrong : {"\"\"", "vps.example.com:0", "vps.example.com:http", "a b", "\":1\""}) {
    CAPTURE(wrong);
    CHECK_FALSE(problems_of_node(std::string("endpoint: ") + wrong).empty());
  }
}

TEST_CASE("node_config: every fault is named with its place, all at once", "[config]") {
  CHECK(
      problems_of_node("control_socket: control.sock\n"
                       "relay_socket: /" +
                       std::string(107, 'x') +
                       "\n"
                       "state_dir: state\n"
                       "interface: this-name-is-too-long\n"
                       "listen_port: 65536\n"
                       "endpoint: a b\n"
                       "public_addresses: [0.0.0.0, here]\n"
                       "tunnel: {ipv4: 10.98.0.0/16, ipv6: 10.98.0.0/20}\n"
                       "wireguard_go: bin/wireguard-go\n"
                       "metrics: 127.0.0.1:9100\n"
                       "watch: [/etc/adit/conf.d]\n"
                       "store: etcd\n"
                       "resolver: 192.0.2.53\n"
                       "listen_prot: 1\n") ==
      "controller.yaml:1:17: control_socket: \"control.sock\" is not an absolute path; begin it "
      "with /\n"
      "controller.yaml:2:15: relay_socket: a socket's path has at most 107 bytes; this one has "
      "108\n"
      "controller.yaml:3:12: state_dir: \"state\" is not an absolute path; begin it with /\n"
      "controller.yaml:4:12: interface: \"this-name-is-too-long\" is not a name for an interface; "
      "use 1 to 15 letters, digits, '_', '-' and '.'\n"
      "controller.yaml:5:14: listen_port: \"65536\" is not a port from 0 to 65535\n"
      "controller.yaml:6:11: endpoint: \"a b\" is not HOST or HOST:PORT (like vps.example.com or "
      "192.0.2.1:51820)\n"
      "controller.yaml:7:20: public_addresses[0]: 0.0.0.0 is not an address that others can "
      "reach\n"
      "controller.yaml:7:29: public_addresses[1]: \"here\" is not an IP address\n"
      "controller.yaml:8:16: tunnel.ipv4: 10.98.0.0/16 is not an IPv4 network of length 20 (like "
      "10.98.0.0/20); every node has one of that size\n"
      "controller.yaml:8:36: tunnel.ipv6: 10.98.0.0/20 is not an IPv6 network of length 64 (like "
      "fd00:db8::/64); every node has one of that size\n"
      "controller.yaml:9:15: wireguard_go: \"bin/wireguard-go\" is neither a program's name nor an "
      "absolute path\n"
      "controller.yaml:10:10: metrics: metrics is not in this version; leave the key out\n"
      "controller.yaml:11:8: watch: watch is not in this version; leave the key out\n"
      "controller.yaml:12:8: store: another store than sqlite is not in this version; leave the "
      "key out\n"
      "controller.yaml:13:11: resolver: resolver is not in this version; leave the key out\n"
      "controller.yaml:14:1: unknown key \"listen_prot\"; did you mean \"listen_port\"?\n");
}
