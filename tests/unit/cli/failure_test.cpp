#include "controller/cli/failure.hpp"

#include <cerrno>

#include "controller/cli/api_client.hpp"
#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::cli;

TEST_CASE("failure: the sentence, then a line for each problem with what is known", "[cli]") {
  const Failure failure{{{"detail", "3 problems; nothing was changed"},
                         {"problems",
                          {{{"file", "adit.yaml"},
                            {"line", 4},
                            {"column", 11},
                            {"path", "hosts.app.example.com.site"},
                            {"what", "no site \"hme\"; did you mean \"home\"?"}},
                           {{"file", ""},
                            {"line", 0},
                            {"column", 0},
                            {"path", "sites.home"},
                            {"what", "no such thing"}},
                           {{"file", "b.yaml"}, {"line", 2}, {"what", "not YAML"}}}}}};
  CHECK(to_text(failure) ==
        "adit: 3 problems; nothing was changed\n"
        "adit.yaml:4:11: hosts.app.example.com.site: no site \"hme\"; did you mean \"home\"?\n"
        "sites.home: no such thing\n"
        "b.yaml:2: not YAML\n");
}

TEST_CASE("failure: a problem that is the sentence itself is not said twice", "[cli]") {
  CHECK(to_text({{{"detail", "no site \"x\""}, {"problems", {{{"what", "no site \"x\""}}}}}}) ==
        "adit: no site \"x\"\n");
}

TEST_CASE("failure: a place in a file begins its line, also when it is the only problem", "[cli]") {
  CHECK(to_text({{{"detail", "a.yaml:3:5: hosts.x: unknown key"},
                  {"problems",
                   {{{"file", "a.yaml"},
                     {"line", 3},
                     {"column", 5},
                     {"path", "hosts.x"},
                     {"what", "unknown key"}}}}}}) ==
        "adit: refused; nothing was changed\na.yaml:3:5: hosts.x: unknown key\n");
}

TEST_CASE("failure: whatever comes instead of a sentence, one line is said", "[cli]") {
  CHECK(to_text({{{"title", "Conflict"}}}) == "adit: Conflict\n");
  CHECK(to_text({Json::object()}) == "adit: the controller refused without saying why\n");
  CHECK(to_text({{{"detail", "a\033[2Jb"}, {"problems", "no list"}}}) == "adit: a\\x1b[2Jb\n");
}

TEST_CASE("failure: an error of our own has the form of the controller's", "[cli]") {
  const Failure failure = Failure::of(Errc::NotFound, "no such file");
  CHECK(
      failure.problem.dump() ==
      R"({"type":"about:blank","title":"Not found","detail":"no such file","code":"not_found","problems":[]})");
}

TEST_CASE("api_client: an unusable socket says which, and what to do", "[cli]") {
  const auto says = [](int sys_errno) {
    return to_text(unreachable("/run/adit/control.sock", sys_errno));
  };
  CHECK_THAT(says(ENOENT), Catch::Contains("/run/adit/control.sock") &&
                               Catch::Contains("systemctl start adit-controller") &&
                               Catch::Contains("ADIT_SOCKET"));
  CHECK_THAT(says(ECONNREFUSED), Catch::Contains("Connection refused"));
  CHECK_THAT(says(EACCES),
             Catch::Contains("/run/adit/control.sock") && Catch::Contains("usermod -aG adit"));
}
