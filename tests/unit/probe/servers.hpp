// servers.py as a child process: real servers for the probe, ended with the test program.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/ip_address.hpp"
#include "common/unique_fd.hpp"
#include "tests/support/temp_dir.hpp"

namespace adit::probe::test {

class Servers {
 public:
  /// The one set that all tests of this program share; starting it takes half a second.
  static Servers& shared() {
    static Servers servers;
    return servers;
  }

  ~Servers() {
    stdin_.reset();  // servers.py ends when its stdin does
    ::waitpid(child_, nullptr, 0);
  }

  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  [[nodiscard]] bool has(const std::string& kind) const { return ports_.contains(kind); }

  [[nodiscard]] Endpoint at(const std::string& kind) const {
    return {IpAddress::parse("127.0.0.1").value(), ports_.at(kind)};
  }

  [[nodiscard]] std::string certificate_file() const { return folder_.file("cert.pem"); }

 private:
  Servers() {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2");
    }
    const UniqueFd child_in(in[0]);
    stdin_.reset(in[1]);
    UniqueFd child_out(out[1]);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(child_in.get(), STDIN_FILENO);
      ::dup2(child_out.get(), STDOUT_FILENO);
      ::execl(ADIT_PYTHON, ADIT_PYTHON, ADIT_TEST_DATA "/servers.py", folder_.path().c_str(),
              nullptr);
      ::_exit(127);
    }
    child_out.reset();
    read_ports(out[0]);
  }

  void read_ports(int fd) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(::fdopen(fd, "r"), &std::fclose);
    std::array<char, 64> kind{};
    while (std::fscanf(lines.get(), "%63s", kind.data()) == 1) {
      if (std::string(kind.data()) == "ready") return;
      unsigned port = 0;
      if (std::fscanf(lines.get(), "%u", &port) != 1) break;
      ports_[kind.data()] = static_cast<std::uint16_t>(port);
    }
    throw std::runtime_error("servers.py did not start");
  }

  adit::test::TempDir folder_;
  UniqueFd stdin_;
  pid_t child_ = -1;
  std::map<std::string, std::uint16_t> ports_;
};

}  // namespace adit::probe::test
