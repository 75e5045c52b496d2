#include "controller/api/http_server.hpp"

#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <microhttpd.h>

#include "common/uv/poll.hpp"
#include "common/uv/timer.hpp"
#include "controller/api/exchange.hpp"
#include "controller/api/problem_response.hpp"

namespace adit::api {

namespace {

constexpr unsigned kMaxConnections = 256;
constexpr unsigned kIdleSeconds = 30;  ///< of a connection that neither sends nor waits for us

std::size_t keep_as_sent(void*, MHD_Connection*, char* text) {
  return std::char_traits<char>::length(text);
}

}  // namespace

struct HttpServer::State {
  State(uv::Loop& loop, const Router& the_router)
      : router(the_router), timer(loop, [this] { run(); }) {}

  const Router& router;
  UniqueFd listener;
  MHD_Daemon* daemon = nullptr;
  uv::Timer timer;
  uv::Poll poll;
  std::uint64_t last_id = 0;
  std::weak_ptr<State> self;
  /// Requests that wait for their Reply; the connection resumes with it.
  std::unordered_map<std::uint64_t, std::pair<Exchange*, MHD_Connection*>> waiting;

  /// Lets libmicrohttpd do what it can now, and asks it when it wants to be called at the latest.
  void run() {
    MHD_run(daemon);
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(daemon, &timeout) == MHD_YES) {
      timer.start(Milliseconds{static_cast<std::int64_t>(timeout)});
    } else {
      timer.stop();
    }
  }

  void complete(std::uint64_t id, Response response) {
    const auto found = waiting.find(id);
    if (found == waiting.end()) return;
    const auto [exchange, connection] = found->second;
    waiting.erase(found);
    exchange->response = std::move(response);
    if (!exchange->is_suspended) return;  // answered within the handler: `handle` goes on with it
    exchange->is_suspended = false;
    MHD_resume_connection(connection);
    timer.start(Milliseconds{0});  // not from here: a Reply may come from within MHD_run
  }

  [[nodiscard]] Reply reply_for(std::uint64_t id) const {
    return [weak = self, id](Response response) {
      if (const auto state = weak.lock()) state->complete(id, std::move(response));
    };
  }

  MHD_Result handle(MHD_Connection* connection, Exchange& exchange) {
    if (!exchange.is_routed) {
      exchange.is_routed = true;
      waiting[exchange.id] = {&exchange, connection};
      if (exchange.is_too_large) {
        complete(exchange.id, problem_response(413, Errc::Invalid,
                                               fmt::format("a body may have at most {} MiB",
                                                           kMaxBodyBytes >> 20)));
      } else {
        router.route(exchange.request, reply_for(exchange.id));
        exchange.request.body = {};
      }
    }
    if (exchange.response) return queue_response(connection, *exchange.response);
    exchange.is_suspended = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
  }

  static MHD_Result on_request(void* context, MHD_Connection* connection, const char* target,
                               const char* method, const char* /*version*/, const char* data,
                               std::size_t* size, void** slot) noexcept {
    auto& state = *static_cast<State*>(context);
    if (*slot == nullptr) {  // the headers are here, the body is not
      auto exchange = std::make_unique<Exchange>();
      exchange->id = ++state.last_id;
      exchange->request = read_request(connection, target, method);
      *slot = exchange.release();  // taken back in on_completed
      return MHD_YES;
    }
    auto& exchange = *static_cast<Exchange*>(*slot);
    if (*size != 0) {
      add_body(exchange, data, *size, kMaxBodyBytes);
      *size = 0;
      return MHD_YES;
    }
    return state.handle(connection, exchange);
  }

  static void on_completed(void* context, MHD_Connection*, void** slot,
                           MHD_RequestTerminationCode) noexcept {
    const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*slot));
    *slot = nullptr;
    if (exchange) static_cast<State*>(context)->waiting.erase(exchange->id);
  }

  Result<void> open(uv::Loop& loop) {
    daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &on_request, this,
        MHD_OPTION_LISTEN_SOCKET, listener.get(), MHD_OPTION_NOTIFY_COMPLETED, &on_completed, this,
        MHD_OPTION_CONNECTION_LIMIT, kMaxConnections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
        MHD_OPTION_UNESCAPE_CALLBACK, &keep_as_sent, nullptr, MHD_OPTION_END);
    if (daemon == nullptr) return fail(Errc::System, "libmicrohttpd does not start");
    static_cast<void>(listener.release());  // MHD_stop_daemon closes it
    const auto* info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == nullptr || info->epoll_fd < 0) {
      return fail(Errc::System, "libmicrohttpd has no epoll descriptor");
    }
    auto watched = uv::Poll::create(
        loop, info->epoll_fd,
        [](void* context, int, int) noexcept { static_cast<State*>(context)->run(); }, this);
    if (!watched) return fail(std::move(watched).error());
    poll = std::move(*watched);
    poll.update(UV_READABLE);
    run();
    return {};
  }

  void close() {
    poll.close();
    timer.stop();
    if (daemon == nullptr) return;
    // A suspended connection must not be stopped: each gets its answer first.
    while (!waiting.empty()) {
      complete(waiting.begin()->first,
               problem_response(Errc::Unavailable,
                                "the controller is ending; `adit history` shows whether the "
                                "change was made"));
    }
    MHD_run(daemon);
    MHD_stop_daemon(std::exchange(daemon, nullptr));
  }
};

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(uv::Loop& loop, UniqueFd listener,
                                                      const Router& router) {
  auto state = std::make_shared<State>(loop, router);
  state->self = state;
  state->listener = std::move(listener);
  if (auto opened = state->open(loop); !opened) {
    state->close();
    return fail(opened.error().within("control socket"));
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::~HttpServer() {
  state_->close();
}

}  // namespace adit::api
