#include "controller/api/router.hpp"

#include "tests/support/catch.hpp"

namespace adit::api {

namespace {

using nlohmann::json;

/// Says which operation was called, with which parameters.
Handler saying(const std::string& what) {
  return [what](const Request&, const Parameters& parameters, const Reply& reply) {
    Response response;
    response.body = what;
    for (const auto& parameter : parameters) response.body += "|" + parameter;
    reply(std::move(response));
  };
}

Response ask(Request request) {
  const Router router({{"GET", "/v1/routes/{name}", saying("route")},
                       {"GET", "/v1/routes/test", saying("test")},
                       {"GET", "/v1/hosts/{name}", saying("host")},
                       {"PUT", "/v1/hosts/{name}", saying("put"), {"owner", "message"}},
                       {"POST", "/v1/hosts/{name}/probe", saying("probe")}});
  Response answer;
  int replies = 0;
  router.route(request, [&](Response response) {
    answer = std::move(response);
    ++replies;
  });
  CHECK(replies == 1);
  return answer;
}

Response ask(const std::string& method, const std::string& path) {
  Request request;
  request.method = method;
  request.path = path;
  return ask(std::move(request));
}

std::string detail_of(const Response& response) {
  return json::parse(response.body)["detail"];
}

}  // namespace

TEST_CASE("router: paths, parameters and methods", "[controller]") {
  CHECK(ask("GET", "/v1/hosts/app.example.com").body == "host|app.example.com");
  CHECK(ask("PUT", "/v1/hosts/%2A.example.com").body == "put|*.example.com");
  CHECK(ask("GET", "/v1/hosts/host%2Fapp").body == "host|host/app");
  CHECK(ask("POST", "/v1/hosts/a/probe").body == "probe|a");
  CHECK(ask("HEAD", "/v1/hosts/a").body == "host|a");
  CHECK(ask("GET", "/v1/hosts/a+b").body == "host|a+b");
}

TEST_CASE("router: a fixed segment wins over a parameter, whatever the order", "[controller]") {
  CHECK(ask("GET", "/v1/routes/test").body == "test");
  CHECK(ask("GET", "/v1/routes/tests").body == "route|tests");
}

TEST_CASE("router: what is not there is 404, another method 405 with Allow", "[controller]") {
  const std::string path = GENERATE("", "/", "/v1", "/v1/", "/v1/hosts", "/v1/hosts/",
                                    "/v1/hosts/a/", "/v1/hosts/a/b", "//v1/hosts/a");
  CAPTURE(path);
  const unsigned status = ask("GET", path).status;
  CHECK(status == (path.empty() ? 400U : 404U));
}

TEST_CASE("router: another method is 405 with Allow", "[controller]") {
  const Response wrong = ask("DELETE", "/v1/hosts/a");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.at("Allow") == "GET, PUT");
  CHECK(json::parse(wrong.body)["status"] == 405);
}

TEST_CASE("router: broken escapes are 400", "[controller]") {
  const std::string path = GENERATE("/v1/hosts/%", "/v1/hosts/%4", "/v1/hosts/%zz", "/%/hosts/a");
  CAPTURE(path);
  CHECK(ask("GET", path).status == 400);
}

TEST_CASE("router: a query that cannot be read, or asks for what is not there, is 400",
          "[controller]") {
  Request request;
  request.method = "PUT";
  request.path = "/v1/hosts/a";
  request.query = {{"owner", "git"}, {"message", ""}};
  CHECK(ask(request).body == "put|a");
  request.query["onwer"] = "git";
  const Response unknown = ask(request);
  CHECK(unknown.status == 400);
  CHECK(detail_of(unknown) == "unknown query argument \"onwer\"; known are owner, message");
  request.method = "GET";
  CHECK(detail_of(ask(request)) == "unknown query argument \"message\"; this path takes none");
  request.query.clear();
  request.has_broken_query = true;
  const Response broken = ask(request);
  CHECK(broken.status == 400);
  CHECK(detail_of(broken) == "the query has a broken % escape");
}

TEST_CASE("message: percent-decoding", "[controller]") {
  CHECK(percent_decoded("a%20b+c", false) == "a b+c");
  CHECK(percent_decoded("a%20b+c", true) == "a b c");
  CHECK(percent_decoded("%00", false) == std::string(1, '\0'));
  CHECK(percent_decoded("%C3%A9", false) == "\xC3\xA9");
  CHECK_FALSE(percent_decoded("%C", false));
}

TEST_CASE("message: entity tags", "[controller]") {
  CHECK(revision_of_tag("\"8\"") == 8);
  CHECK(revision_of_tag("\"0\"") == 0);
  for (const char* tag : {"", "\"", "\"\"", "8", "*", "W/\"8\"", "\"8", "\"x\"", "\"-1\"",
                          "\"99999999999999999999\"", "\"8\", \"9\""}) {
    CAPTURE(tag);
    CHECK_FALSE(revision_of_tag(tag));
  }
  CHECK(json_response({}, 8).headers.at("ETag") == "\"8\"");
}

TEST_CASE("message: bytes that are not UTF-8 do not break an answer", "[controller]") {
  CHECK(json::parse(json_response({{"detail", "a\xFF"}}).body)["detail"] == "a\xEF\xBF\xBD");
}

}  // namespace adit::api
