#include "controller/api/exchange.hpp"

#include <memory>

#include "common/os/unix_socket.hpp"

namespace adit::api {

namespace {

MHD_Result add_argument(void* context, MHD_ValueKind, const char* key, const char* value) {
  auto& request = *static_cast<Request*>(context);
  const auto name = percent_decoded(key, /*is_query=*/true);
  const auto decoded = percent_decoded(value == nullptr ? "" : value, /*is_query=*/true);
  if (name && decoded) {
    request.query[*name] = *decoded;
  } else {
    request.has_broken_query = true;
  }
  return MHD_YES;
}

std::optional<std::string> header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// Who is on the other side; nobody at all if the kernel does not say.
std::uint32_t peer_uid(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return UINT32_MAX;
  const auto peer = os::peer_credentials(info->connect_fd);
  return peer ? peer->uid : UINT32_MAX;
}

struct Destroy {
  void operator()(MHD_Response* response) const noexcept { MHD_destroy_response(response); }
};

}  // namespace

Request read_request(MHD_Connection* connection, const char* target, const char* method) {
  Request request;
  request.method = method;
  request.path = target;
  request.if_match = header(connection, MHD_HTTP_HEADER_IF_MATCH);
  request.if_none_match = header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
  request.uid = peer_uid(connection);
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &add_argument, &request);
  return request;
}

void add_body(Exchange& exchange, const char* data, std::size_t size, std::size_t limit) {
  if (exchange.is_too_large || exchange.request.body.size() + size > limit) {
    exchange.is_too_large = true;
    exchange.request.body = {};
    return;
  }
  exchange.request.body.append(data, size);
}

MHD_Result queue_response(MHD_Connection* connection, const Response& response) {
  const std::unique_ptr<MHD_Response, Destroy> answer(MHD_create_response_from_buffer(
      response.body.size(), const_cast<char*>(response.body.data()),  // copied, not written
      MHD_RESPMEM_MUST_COPY));
  if (!answer) return MHD_NO;
  MHD_add_response_header(answer.get(), MHD_HTTP_HEADER_CONTENT_TYPE,
                          response.content_type.c_str());
  for (const auto& [name, value] : response.headers) {
    MHD_add_response_header(answer.get(), name.c_str(), value.c_str());
  }
  return MHD_queue_response(connection, response.status, answer.get());
}

}  // namespace adit::api
