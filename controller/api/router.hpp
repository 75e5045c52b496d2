// Router: method and path -> handler, from one table. A path is a list of segments; "{name}" in the
// table takes any one segment, decoded.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controller/api/message.hpp"

namespace adit::api {

/// The decoded segments that stood for "{…}", in order.
using Parameters = std::vector<std::string>;
using Handler = std::function<void(const Request&, const Parameters&, const Reply&)>;

struct Operation {
  std::string method;
  std::string path;  ///< "/v1/hosts/{name}"
  Handler handler;
  std::vector<std::string> arguments = {};  ///< of the query; any other is refused
};

class Router {
 public:
  explicit Router(std::vector<Operation> operations);

  /// Calls the handler of `request`, or replies itself: 404 for a path that is not in the table,
  /// 405 with Allow for another method, 400 for a path or a query that cannot be decoded and for an
  /// argument that the operation does not have: a misspelt "owner" must not act as the default.
  /// HEAD is GET. Of two operations that fit, the one with fewer parameters.
  void route(const Request& request, const Reply& reply) const;

 private:
  struct Entry {
    std::vector<std::string> segments;
    Operation operation;
  };

  std::vector<Entry> entries_;  ///< those with fewer parameters first
};

}  // namespace adit::api
