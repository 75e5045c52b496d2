// The client against a server that answers as it is told, on a socket in a folder of its own.
#include "controller/wireguard/uapi_client.hpp"

#include <cerrno>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/os/unix_socket.hpp"
#include "common/unique_fd.hpp"
#include "controller/wireguard/uapi_codec.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/wireguard/temporary_directory.hpp"

using namespace adit;
using namespace adit::wireguard;

namespace {

/// Accepts one connection and hands it to `serve` in a thread; joined at the end.
class Server {
 public:
  explicit Server(std::function<void(int)> serve) {
    auto listening = os::listen_unix(path(), 0600);
    REQUIRE(listening);
    listening_ = std::move(*listening);
    REQUIRE(::fcntl(listening_.get(), F_SETFL, 0) == 0);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const UniqueFd connection(::accept(listening_.get(), nullptr, nullptr));
      serve(connection.get());
    });
  }

  ~Server() { thread_.join(); }

  [[nodiscard]] std::string path() const { return directory_.file("adit0.sock"); }

 private:
  test::TemporaryDirectory directory_;
  UniqueFd listening_;
  std::thread thread_;
};

void send_text(int fd, std::string_view text) {
  (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

/// Reads one request, up to its empty line.
std::string read_request(int fd) {
  std::string request;
  char byte = 0;
  while (!request.ends_with("\n\n") && ::read(fd, &byte, 1) == 1) request += byte;
  return request;
}

}  // namespace

TEST_CASE("uapi_client: an answer in single bytes is put together", "[wireguard]") {
  std::string request;
  Server server([&request](int fd) {
    request = read_request(fd);
    for (const char c : std::string("listen_port=51820\nerrno=0\n\n")) send_text(fd, {&c, 1});
  });
  auto client = UapiClient::connect(server.path());
  REQUIRE(client);
  const auto device = client->get("adit0");
  REQUIRE(device);
  CHECK(device->listen_port == 51820);
  CHECK(request == "get=1\n\n");
}

TEST_CASE("uapi_client: an answer larger than its first buffer", "[wireguard]") {
  std::string answer = "public_key=" + std::string(64, '1') + "\n";
  for (int i = 0; i < 20000; ++i) {
    answer +=
        "allowed_ip=10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\n";
  }
  answer += "errno=0\n\n";
  Server server([&answer](int fd) {
    read_request(fd);
    std::string_view rest(answer);
    while (!rest.empty()) {
      const auto part = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (part <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(part));
    }
  });
  auto client = UapiClient::connect(server.path());
  REQUIRE(client);
  const auto device = client->get("adit0");
  REQUIRE(device);
  CHECK(device->peers.at(0).allowed_ips.size() == 20000);
}

TEST_CASE("uapi_client: several sets on one connection, the refused one with its errno",
          "[wireguard]") {
  Server server([](int fd) {
    read_request(fd);
    send_text(fd, "errno=0\n\n");
    read_request(fd);
    send_text(fd, "errno=-98\n\n");
  });
  auto client = UapiClient::connect(server.path());
  REQUIRE(client);
  CHECK(client->set(uapi::encode_set_listen_port(1)));
  const auto refused = client->set(uapi::encode_set_listen_port(2));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().sys_errno == EADDRINUSE);
}

TEST_CASE("uapi_client: a connection closed without an answer is an error", "[wireguard]") {
  Server server([](int fd) { read_request(fd); });
  auto client = UapiClient::connect(server.path());
  REQUIRE(client);
  const auto refused = client->set("foo=1\n\n");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::Protocol);
}

TEST_CASE("uapi_client: the end of the other side is seen", "[wireguard]") {
  Server server([](int fd) { read_request(fd); });
  auto client = UapiClient::connect(server.path());
  REQUIRE(client);
  CHECK_FALSE(client->wait_for_end(SteadyClock::now()));
  (void)client->set(uapi::encode_set_listen_port(1));
  CHECK(client->wait_for_end(SteadyClock::now() + Seconds(5)));
}

TEST_CASE("uapi_client: nobody there", "[wireguard]") {
  const test::TemporaryDirectory directory;
  const auto client = UapiClient::connect(directory.file("adit0.sock"));
  REQUIRE_FALSE(client);
  CHECK(client.error().code == Errc::NotFound);
}
