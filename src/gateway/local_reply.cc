#include "gateway/detail/local_reply.h"

#include "codec/json.h"

namespace rage::gateway::detail {
namespace {

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

}  // namespace

LocalReply make_local_reply(int status, std::string_view message) {
  LocalReply reply;
  reply.head.status = status;
  reply.head.headers.add("content-type", "application/json");
  if (status == 503) reply.head.headers.add("retry-after", "1");
  reply.body = codec::render_json(
      {{"error", {{"message", message}, {"type", type_of(status)}, {"code", status}}}});
  reply.body += '\n';
  return reply;
}

}  // namespace rage::gateway::detail
