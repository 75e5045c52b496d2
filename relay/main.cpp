// adit-relay: see run.hpp.
#include "relay/run.hpp"

int main(int argc, char** argv) {
  return adit::relay::run(argc, argv);
}
