#include "common/log.hpp"

#include <array>
#include <climits>
#include <future>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "common/unique_fd.hpp"
#include "tests/support/catch.hpp"

namespace adit {

namespace {

/// stderr is a pipe for as long as this lives.
class ErrorPipe {
 public:
  ErrorPipe() : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
    ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
    REQUIRE(::dup2(write_end_.get(), STDERR_FILENO) == STDERR_FILENO);
  }

  ~ErrorPipe() { ::dup2(before_.get(), STDERR_FILENO); }

  ErrorPipe(const ErrorPipe&) = delete;
  ErrorPipe& operator=(const ErrorPipe&) = delete;

  void fill() {
    // O_NONBLOCK belongs to the pipe's end, also as others see it: only for the moment.
    const std::string page(PIPE_BUF, '.');
    ::fcntl(write_end_.get(), F_SETFL, O_NONBLOCK);
    while (::write(write_end_.get(), page.data(), page.size()) > 0) {
    }
    ::fcntl(write_end_.get(), F_SETFL, 0);
  }

  std::string read() {
    std::string out;
    std::array<char, 65536> chunk{};
    for (ssize_t count = 0; (count = ::read(read_end_.get(), chunk.data(), chunk.size())) > 0;) {
      out.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return out;
  }

  void close_read_end() { read_end_.reset(); }

 private:
  UniqueFd before_;
  UniqueFd read_end_;
  UniqueFd write_end_;
};

}  // namespace

TEST_CASE("log: one line each, control characters escaped", "[common]") {
  ErrorPipe pipe;
  log::info("a\nb\x7f c={}", 1);
  log::error("d");
  log::debug("not enabled");
  CHECK(pipe.read() == "<6>a\\x0ab\\x7f c=1\n<3>d\n");
}

TEST_CASE("log: a line is never longer than what a writable pipe takes", "[common]") {
  ErrorPipe pipe;
  log::info("{}", std::string(PIPE_BUF - 4, 'a'));
  CHECK(pipe.read() == "<6>" + std::string(PIPE_BUF - 4, 'a') + "\n");
  log::info("{}", std::string(2 * PIPE_BUF, 'a'));
  CHECK(pipe.read() == "<6>" + std::string(PIPE_BUF - 7, 'a') + "...\n");
}

TEST_CASE("log: a full stderr stops nobody, and the gap is told of", "[common]") {
  ErrorPipe pipe;
  pipe.fill();
  auto writes = std::async(std::launch::async, [] {
    for (int i = 0; i < 3; ++i) log::info("lost");
  });
  const bool is_done = writes.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  CHECK(is_done);
  pipe.read();  // a writer that waits would go on here
  writes.wait();
  pipe.read();
  log::info("found");
  CHECK(pipe.read() == "<4>log: lines dropped, as stderr was full count=3\n<6>found\n");
  log::info("next");
  CHECK(pipe.read() == "<6>next\n");
}

TEST_CASE("log: a stderr that nobody can read any more kills nobody", "[common]") {
  ErrorPipe pipe;
  pipe.close_read_end();
  log::info("lost");  // SIGPIPE, if it were written
  SUCCEED();
}

}  // namespace adit
