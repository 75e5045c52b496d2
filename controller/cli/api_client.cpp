#include "controller/cli/api_client.hpp"

#include <cerrno>
#include <cstring>

#include <curl/curl.h>
#include <fmt/format.h>

#include "common/os/unix_socket.hpp"
#include "controller/cli/text.hpp"

namespace adit::cli {

namespace {

constexpr std::size_t kLargestAnswer = std::size_t{64} << 20;
/// An apply may wait for the relay and for netlink; nothing the API does takes longer than this.
constexpr long kAnswerSeconds = 120;
constexpr long kConnectSeconds = 5;

struct Answer {
  std::string body;
  bool is_too_large = false;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto& answer = *static_cast<Answer*>(user);
  const std::size_t length = size * count;
  if (answer.body.size() + length > kLargestAnswer) {
    answer.is_too_large = true;
    return 0;  // tells curl to stop
  }
  answer.body.append(data, length);
  return length;
}

struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void append(HeaderList& list, const std::string& header) {
  if (curl_slist* longer = curl_slist_append(list.get(), header.c_str())) {
    static_cast<void>(list.release());
    list.reset(longer);
  }
}

/// 2xx: the document; anything else: the controller's problem document, or one made of its status.
Attempt<Json> document_of(const std::string& body, long status) {
  Json document = Json::parse(body, nullptr, false);
  const bool is_object = document.is_object();
  if (status >= 200 && status < 300) {
    if (is_object) return document;
    return give_up(Errc::Protocol, "the controller's answer is not a JSON document");
  }
  if (is_object && (document.contains("detail") || document.contains("title"))) {
    return give_up(Failure{std::move(document)});
  }
  return give_up(Errc::Protocol,
                 fmt::format("the controller answered with HTTP status {}", status));
}

/// curl does not say why a connection failed; one of our own does, with its errno.
Failure transport_failure(const std::string& socket, CURLcode code, bool is_unknown) {
  const char* after =
      is_unknown ? "; it is not known whether anything was changed: `adit history` shows it" : "";
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Failure::of(
        Errc::Unavailable,
        fmt::format("the controller at {} did not answer in time; its log says why{}",
                    printable(socket), after));
  }
  if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
    if (auto again = os::connect_unix(socket, true); !again) {
      return unreachable(socket, again.error().sys_errno);
    }
  }
  return Failure::of(Errc::Protocol,
                     fmt::format("the controller at {} broke off: {}{}", printable(socket),
                                 curl_easy_strerror(code), after));
}

}  // namespace

struct ApiClient::Handle {
  CURL* curl = nullptr;

  Handle() {
    curl_global_init(CURL_GLOBAL_NOTHING);  // neither TLS nor DNS: one Unix socket
    curl = curl_easy_init();
  }

  ~Handle() {
    curl_easy_cleanup(curl);
    curl_global_cleanup();
  }

  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle(Handle&&) = delete;
  Handle& operator=(Handle&&) = delete;

  void prepare(const Request& request, const std::string& socket, const HeaderList& headers) {
    curl_easy_reset(curl);  // keeps the connection, drops the options
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, ("http://adit" + request.path).c_str());
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // http_proxy in the environment is not for us
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, kAnswerSeconds);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  }
};

ApiClient::ApiClient(std::string socket)
    : socket_(std::move(socket)), handle_(std::make_unique<Handle>()) {}

ApiClient::~ApiClient() = default;

Attempt<Json> ApiClient::send(const Request& request) {
  const std::string body = request.body ? compact(*request.body) : std::string();
  HeaderList headers;
  append(headers, "Accept: application/json, application/problem+json");
  append(headers, "Expect:");  // no 100-continue: the body follows at once
  for (const auto& header : request.headers) append(headers, header);
  if (request.body) {
    append(headers, request.method == "PATCH" ? "Content-Type: application/merge-patch+json"
                                              : "Content-Type: application/json");
  }
  Answer answer;
  handle_->prepare(request, socket_, headers);
  CURL* curl = handle_->curl;
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  if (request.body || request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  const CURLcode code = curl_easy_perform(curl);
  if (answer.is_too_large) return give_up(Errc::Protocol, "the controller's answer is too large");
  if (code != CURLE_OK) {
    long sent = 0;
    curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent);
    return give_up(transport_failure(socket_, code, request.may_change() && sent != 0));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  auto document = document_of(answer.body, status);
  has_changed_ = has_changed_ || (document && request.may_change());
  return document;
}

Failure unreachable(const std::string& socket, int sys_errno) {
  const std::string shown = printable(socket);
  if (sys_errno == EACCES || sys_errno == EPERM) {
    return Failure::of(
        Errc::Denied,
        fmt::format("you may not use the control socket {}; members of its group may: "
                    "`sudo usermod -aG adit $USER`, then log in again",
                    shown));
  }
  if (sys_errno == 0 || sys_errno == ENAMETOOLONG) {
    return Failure::of(Errc::Invalid,
                       fmt::format("{} cannot be a Unix socket: its path is too long", shown));
  }
  return Failure::of(
      Errc::Unavailable,
      fmt::format("no controller answers at {} ({}); start it with `systemctl start "
                  "adit-controller`, or name its socket with --socket or ADIT_SOCKET",
                  shown, strerrordesc_np(sys_errno)));
}

}  // namespace adit::cli
