// adit-relay with one thing that the shipped program does not have: SIGUSR2 makes an assertion of
// the standard library fail, in the middle of whatever runs.
#include <csignal>
#include <vector>

#include "relay/run.hpp"

namespace {

void fail(int /*signal*/) {
  static const std::vector<int> kNone;
  static volatile std::size_t past_the_end = 1;
  [[maybe_unused]] static volatile int seen = kNone[past_the_end];
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGUSR2, fail);
  return adit::relay::run(argc, argv);
}
