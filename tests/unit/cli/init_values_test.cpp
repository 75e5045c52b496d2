#include "controller/cli/init_values.hpp"

#include <sstream>

#include "controller/cli/questions.hpp"
#include "tests/support/catch.hpp"

using namespace adit;
using namespace adit::cli;

namespace {

const Json kStatus = {{"node", {{"addresses", {"10.98.0.1", "fd00:db8::1"}}}}};

OwnAddress own(const char* address) {
  return {"eth0", IpAddress::parse(address).value(), 24};
}

}  // namespace

TEST_CASE("init_values: what may stand as an endpoint, and the host in it", "[cli]") {
  CHECK(is_endpoint("203.0.113.10"));
  CHECK(is_endpoint("vps.example.com:51820"));
  CHECK(is_endpoint("[2001:db8::1]:51820"));
  for (const char* text : {"", "a b", "vps.example.com:", "vps.example.com:0", "203.0.113.10/24"}) {
    CAPTURE(text);
    CHECK_FALSE(is_endpoint(text));
  }
  CHECK(endpoint_host("203.0.113.10:51820") == "203.0.113.10");
  CHECK(endpoint_host("[2001:db8::1]:51820") == "2001:db8::1");
  CHECK(endpoint_host("2001:db8::1") == "2001:db8::1");
  CHECK(endpoint_host("vps.example.com:51820") == "vps.example.com");
  CHECK(endpoint_host("").empty());
}

TEST_CASE("init_values: the records that lead to this machine", "[cli]") {
  const std::vector<OwnAddress> both = {own("10.0.0.5"), own("203.0.113.10"), own("2001:db8::10")};
  using Records = std::vector<DnsRecord>;
  CHECK(dns_records("203.0.113.10:51820", both) ==
        Records{{"A", "203.0.113.10"}, {"AAAA", "2001:db8::10"}});
  // 1:1 NAT: what was said counts, not what is on the interface.
  CHECK(dns_records("198.51.100.7:51820", {own("10.0.0.5")}) == Records{{"A", "198.51.100.7"}});
  CHECK(dns_records("vps.example.net:51820", both) == Records{{"CNAME", "vps.example.net."}});
  CHECK(dns_records("", {own("10.0.0.5")}).empty());
}

TEST_CASE("init_values: without a target TLS ends at the first free tunnel address", "[cli]") {
  const auto first = new_site({}, kStatus, Json::array());
  CHECK(first.document == Json{{"address", "10.98.0.10"}, {"target", "10.98.0.10:443"}});
  CHECK_FALSE(first.assumption.empty());
  const Json sites = {{{"address", "10.98.0.10"}}, {{"address", "10.98.0.12"}}};
  CHECK(new_site({}, kStatus, sites).document["address"] == "10.98.0.11");
}

TEST_CASE("init_values: a target alone opens the way to itself and to nothing else", "[cli]") {
  const auto made = new_site({"home", {}, "10.30.0.200:443"}, kStatus, Json::array());
  CHECK(made.document == Json{{"networks", {"10.30.0.200/32"}}, {"target", "10.30.0.200:443"}});
  CHECK(made.assumption.find("10.30.0.200") != std::string::npos);
  const auto said = new_site({"home", {"10.30.0.0/24"}, "10.30.0.200:443"}, kStatus, Json::array());
  CHECK(said.document["networks"] == Json{"10.30.0.0/24"});
  CHECK(said.assumption.empty());
  // A tunnel address needs no network, but must be the site's.
  const auto tunnel = new_site({"home", {}, "10.98.0.20:8443"}, kStatus, Json::array());
  CHECK(tunnel.document == Json{{"address", "10.98.0.20"}, {"target", "10.98.0.20:8443"}});
}

TEST_CASE("init_values: a site that is there is compared with what was asked for", "[cli]") {
  const Json site = {{"name", "home"},
                     {"target", "10.30.0.200:443"},
                     {"networks", {"10.30.0.0/24", "10.31.0.0/24"}}};
  CHECK(difference({}, site).empty());
  CHECK(difference({"home", {"10.31.0.0/24", "10.30.0.0/24"}, "10.30.0.200:443"}, site).empty());
  CHECK(difference({"home", {}, "10.30.0.201:443"}, site).find("target 10.30.0.200:443") !=
        std::string::npos);
  CHECK(difference({"home", {"10.30.0.0/24"}, ""}, site).find("networks") != std::string::npos);
}

TEST_CASE("questions: an answer, an empty one, a wrong one, and no input at all", "[cli]") {
  const Question question{"Domain", "none", [](const std::string& text) {
                            return text == "bad" ? std::string("not a domain") : std::string();
                          }};
  std::ostringstream out;
  std::istringstream good("  example.com \n");
  CHECK(ask(question, good, out) == "example.com");
  CHECK(out.str() == "Domain [none]: ");
  std::istringstream empty("\nleft");
  CHECK(ask(question, empty, out).empty());
  std::istringstream second("bad\nexample.com\n");
  CHECK(ask(question, second, out) == "example.com");
  CHECK(out.str().find("  not a domain\n") != std::string::npos);
  std::istringstream never("bad\nbad\nbad\nexample.com\n");
  CHECK(ask(question, never, out).empty());
  std::istringstream ended("");
  CHECK(ask(question, ended, out).empty());
}
