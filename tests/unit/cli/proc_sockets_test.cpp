#include "controller/cli/proc_sockets.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/unique_fd.hpp"
#include "controller/cli/machine_facts.hpp"
#include "controller/cli/user_name.hpp"
#include "tests/support/catch.hpp"

using namespace adit::cli;

namespace {

// As Linux 6.1 writes them; the lines of IPv6 differ in the length of the addresses only.
constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 "
    "4711 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:01BB 0100007F:C350 01 00000000:00000000 00:00000000 00000000    33        0 "
    "4712 1 0000000000000000 20 4 30 10 -1\n"
    "   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0\n";
constexpr const char* kUdp =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode ref pointer drops\n"
    " 1234: 00000000:CA6C 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 "
    "815 2 0000000000000000 0\n";

}  // namespace

TEST_CASE("proc_sockets: who listens, and not who is connected", "[cli]") {
  CHECK(parse_port_sockets(kTcp, Transport::Tcp) ==
        std::vector<PortSocket>{{443, 33, 4711}, {80, 0, 4713}});
}

TEST_CASE("proc_sockets: a UDP socket has its port in every state", "[cli]") {
  CHECK(parse_port_sockets(kUdp, Transport::Udp) == std::vector<PortSocket>{{51820, 0, 815}});
}

TEST_CASE("proc_sockets: broken lines are left out", "[cli]") {
  for (const char* text :
       {"", "\n\n", "   0: 00000000:01BB", "   0: x:GGGG y 0A a b c 1 0 5\n",
        "0: 0:1BB 0:0 0A 0:0 0:0 0 -1 0 7", "0: 0:FFFFF 0:0 0A 0:0 0:0 0 1 0 7"}) {
    CAPTURE(text);
    CHECK(parse_port_sockets(text, Transport::Tcp).empty());
  }
  CHECK(parse_port_sockets("0: 0:1BB 0:0 0A 0:0 0:0 0 1 0 7", Transport::Tcp).size() == 1);
}

TEST_CASE("proc_sockets: the inode of a descriptor's link", "[cli]") {
  CHECK(socket_inode("socket:[4711]") == 4711);
  for (const char* link :
       {"pipe:[4711]", "socket:[]", "socket:[47x]", "/socket:[1]", "socket:[1"}) {
    CAPTURE(link);
    CHECK_FALSE(socket_inode(link));
  }
}

TEST_CASE("machine_facts: WireGuard among the modules of a kernel", "[cli]") {
  CHECK(
      names_wireguard("kernel/drivers/net/veth.ko:\nkernel/drivers/net/wireguard/wireguard.ko.xz: "
                      "kernel/net/ipv4/udp_tunnel.ko.xz\n"));
  CHECK(names_wireguard("kernel/drivers/net/wireguard/wireguard.ko\n"));
  CHECK_FALSE(names_wireguard("kernel/drivers/net/mywireguard.ko\nwireguard\n"));
  CHECK_FALSE(names_wireguard(""));
}

TEST_CASE("machine_facts: a port is found with the process that has it", "[cli]") {
  const adit::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener.get(), generic, size) == 0);
  REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
  const std::uint16_t port = ntohs(address.sin_port);
  CHECK(look_at_machine({{port, Transport::Tcp}}).ports.empty());  // it does not listen yet
  REQUIRE(::listen(listener.get(), 1) == 0);
  const auto facts = look_at_machine({{port, Transport::Tcp}, {port, Transport::Udp}});
  REQUIRE(facts.ports.size() == 1);
  CHECK(facts.ports[0].pid == ::getpid());
  CHECK(std::string("unit_cli").starts_with(facts.ports[0].program));
  CHECK_FALSE(facts.ports[0].program.empty());
  CHECK(facts.ports[0].user == user_name(::geteuid()));
}
