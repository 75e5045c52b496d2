#include "controller/api/problem_response.hpp"

#include <string_view>

namespace adit::api {

namespace {

std::string_view title_of(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

Response response_of(unsigned status, Errc code, const std::string& detail,
                     const config::Problems& problems) {
  nlohmann::json list = nlohmann::json::array();
  for (const config::Problem& problem : problems) {
    list.push_back({{"file", problem.file},
                    {"line", problem.line},
                    {"column", problem.column},
                    {"path", problem.path},
                    {"what", problem.what}});
  }
  Response response = json_response({{"type", "about:blank"},
                                     {"title", title_of(status)},
                                     {"status", status},
                                     {"detail", detail},
                                     {"code", to_string(code)},
                                     {"problems", std::move(list)}});
  response.status = status;
  response.content_type = "application/problem+json";
  return response;
}

}  // namespace

unsigned status_of(Errc code) {
  switch (code) {
    case Errc::Invalid:
      return 400;
    case Errc::Denied:
      return 403;
    case Errc::NotFound:
      return 404;
    case Errc::Conflict:
      return 409;
    case Errc::Protocol:
      return 502;
    case Errc::Unavailable:
      return 503;
    case Errc::System:
    case Errc::Internal:
      break;
  }
  return 500;
}

Response problem_response(Errc code, const std::string& detail) {
  return response_of(status_of(code), code, detail, {});
}

Response problem_response(unsigned status, Errc code, const std::string& detail) {
  return response_of(status, code, detail, {});
}

Response problem_response(const apply::Refusal& refusal) {
  const unsigned status = refusal.is_precondition ? 412 : status_of(refusal.code);
  return response_of(status, refusal.code, refusal.what, refusal.problems);
}

Response problem_response(const Error& error) {
  return problem_response(error.code, error.what);
}

}  // namespace adit::api
