#include "controller/api/body.hpp"
#include "controller/api/problem_response.hpp"
#include "tests/support/catch.hpp"

namespace adit::api {

using nlohmann::json;

TEST_CASE("problem: every code has its status", "[controller]") {
  const auto [code, status] = GENERATE(table<Errc, unsigned>({{Errc::Invalid, 400},
                                                              {Errc::Denied, 403},
                                                              {Errc::NotFound, 404},
                                                              {Errc::Conflict, 409},
                                                              {Errc::Protocol, 502},
                                                              {Errc::Unavailable, 503},
                                                              {Errc::System, 500},
                                                              {Errc::Internal, 500}}));
  const Response response = problem_response(code, "why");
  CHECK(response.status == status);
  CHECK(response.content_type == "application/problem+json");
  const json document = json::parse(response.body);
  CHECK(document["status"] == status);
  CHECK(document["code"] == to_string(code));
  CHECK(document["detail"] == "why");
  CHECK(document["type"] == "about:blank");
  CHECK_FALSE(document["title"].get<std::string>().empty());
  CHECK(document["problems"] == json::array());
}

TEST_CASE("problem: a refusal with its places", "[controller]") {
  const config::Problem one{"a.yaml", 4, 11, "hosts.a.site", "no site \"hme\"", Errc::Invalid};
  const auto refusal = apply::refuse({one}).value();
  CHECK(refusal.what == config::to_string(one));
  const json document = json::parse(problem_response(refusal).body);
  CHECK(document["problems"] == json::array({{{"file", "a.yaml"},
                                              {"line", 4},
                                              {"column", 11},
                                              {"path", "hosts.a.site"},
                                              {"what", "no site \"hme\""}}}));
  const auto two = apply::refuse({one, one}).value();
  CHECK(two.what == "2 problems; nothing was changed");
}

TEST_CASE("problem: a conflict of owners is 409, a failed precondition 412", "[controller]") {
  config::Problem problem;
  problem.what = "belongs to owner \"git\"";
  problem.code = Errc::Conflict;
  CHECK(problem_response(apply::refuse({problem}).value()).status == 409);
  CHECK(problem_response(apply::Refusal{Errc::Conflict, "revision 8 now", {}, true}).status == 412);
}

TEST_CASE("body: only JSON objects of bounded depth", "[controller]") {
  CHECK(parse_object(R"({"a": [1, {"b": "}]\"]]"}]})"));
  for (const std::string& body : {std::string(), std::string("{"), std::string("[1]"),
                                  std::string("null"), std::string("{} x"), std::string("\xFF"),
                                  std::string("{\"a\": \"\xC3\"}"), std::string(1'000'000, '['),
                                  "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}",
                                  std::string("{\"a\": 1e999}")}) {
    CAPTURE(body.substr(0, 40));
    const auto parsed = parse_object(body);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Errc::Invalid);
  }
}

TEST_CASE("body: a key twice in one object is refused", "[controller]") {
  CHECK(parse_object(R"({"a": {"site": 1}, "b": {"site": 2}, "c": [{"a": 1}, {"a": 2}]})"));
  for (const char* body : {R"({"site": "a", "site": "b"})", R"({"x": [{"site": 1, "site": 1}]})",
                           R"({"x": {"site": {}, "site": {}}})"}) {
    CAPTURE(body);
    const auto parsed = parse_object(body);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().what == "member \"site\" is written twice");
  }
}

TEST_CASE("body: members by type, unknown ones refused", "[controller]") {
  const json body = {{"owner", "git"}, {"prune", true}, {"n", 1}};
  CHECK(text_member(body, "owner", "cli") == "git");
  CHECK(text_member(body, "message", "none") == "none");
  CHECK_FALSE(text_member(body, "n", ""));
  CHECK(flag_member(body, "prune", false) == true);
  CHECK(flag_member(body, "dry_run", false) == false);
  CHECK_FALSE(flag_member(body, "owner", false));
  CHECK(require_known(body, {"owner", "prune", "n"}));
  const auto unknown = require_known(body, {"owner", "prune"});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().what.find("\"n\"") != std::string::npos);
}

}  // namespace adit::api
