// Any text: reading it ends, with a value or with problems that can be printed; what was read means
// the same again after JSON.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "controller/config/node_config.hpp"
#include "controller/config/resource_json.hpp"
#include "controller/config/yaml_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adit::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)read_node_config("controller.yaml", text);
  const auto read = read_yaml({{"fuzz.yaml", text}});
  if (!read) {
    for (const Problem& problem : read.error()) {
      if (problem.what.empty()) std::abort();
    }
    return 0;
  }
  const auto again = resources_from_json(to_json(read->resources));
  if (!again || *again != read->resources) std::abort();
  return 0;
}
