#include "controller/api/router.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controller/api/problem_response.hpp"

namespace adit::api {

namespace {

constexpr std::string_view kAny = "{";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(const std::string& segment) {
  return segment.rfind(kAny, 0) == 0;
}

/// True if `segments` has the form of `pattern`; then `taken` has the parameters.
bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& segments,
          Parameters& taken) {
  taken.clear();
  if (pattern.size() != segments.size()) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_parameter(pattern[i]) && !segments[i].empty()) {
      taken.push_back(segments[i]);
    } else if (pattern[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

/// Why the query of `request` is none for `operation`, or "".
std::string query_fault(const Request& request, const Operation& operation) {
  if (request.has_broken_query) return "the query has a broken % escape";
  const auto& known = operation.arguments;
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string advice = known.empty() ? "this path takes none"
                                             : fmt::format("known are {}", fmt::join(known, ", "));
    return fmt::format("unknown query argument \"{}\"; {}", name, advice);
  }
  return {};
}

}  // namespace

Router::Router(std::vector<Operation> operations) {
  for (Operation& operation : operations) {
    auto segments = split(operation.path);
    entries_.push_back({std::move(segments), std::move(operation)});
  }
  const auto parameters = [](const Entry& entry) {
    return std::count_if(entry.segments.begin(), entry.segments.end(), is_parameter);
  };
  std::stable_sort(entries_.begin(), entries_.end(),
                   [&](const Entry& a, const Entry& b) { return parameters(a) < parameters(b); });
}

void Router::route(const Request& request, const Reply& reply) const {
  if (request.path.empty() || request.path.front() != '/') {
    return reply(problem_response(Errc::Invalid, "the path must begin with /v1/"));
  }
  std::vector<std::string> segments;
  for (const std::string& segment : split(request.path)) {
    auto decoded = percent_decoded(segment, /*is_query=*/false);
    if (!decoded) return reply(problem_response(Errc::Invalid, "the path has a broken % escape"));
    segments.push_back(std::move(*decoded));
  }
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::set<std::string> allowed;
  Parameters parameters;
  for (const Entry& entry : entries_) {
    if (!fits(entry.segments, segments, parameters)) continue;
    if (entry.operation.method == method) {
      const std::string fault = query_fault(request, entry.operation);
      if (!fault.empty()) return reply(problem_response(Errc::Invalid, fault));
      return entry.operation.handler(request, parameters, reply);
    }
    allowed.insert(entry.operation.method);
  }
  if (allowed.empty()) {
    return reply(problem_response(Errc::NotFound, "there is nothing at this path of the API"));
  }
  const std::string list = fmt::format("{}", fmt::join(allowed, ", "));
  Response response = problem_response(405, Errc::Invalid, "this path takes " + list);
  response.headers["Allow"] = list;
  reply(std::move(response));
}

}  // namespace adit::api
