// adit: the command line.
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "controller/cli/run.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, not a death
  return adit::cli::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc), std::cout,
                        std::cerr);
}
