#include "controller/api/api.hpp"

#include <iterator>

namespace adit::api {

std::vector<Operation> operations(Services& services) {
  std::vector<Operation> all = read_operations(services);
  for (auto part : {change_operations(services), look_operations(services)}) {
    std::move(part.begin(), part.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace adit::api
