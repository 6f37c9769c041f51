#include "gateway/detail/local_reply.h"

#include "codec/json.h"
#include "codec/uri.h"

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

// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md, and what HTTP cannot
// say.
std::string_view grpc_status_of(int status) {
  switch (status) {
    case 401:
      return "16";  // UNAUTHENTICATED
    case 403:
      return "7";  // PERMISSION_DENIED
    case 404:
      return "12";  // UNIMPLEMENTED
    case 413:
    case 431:
      return "8";  // RESOURCE_EXHAUSTED
    case 504:
      return "4";  // DEADLINE_EXCEEDED
    case 429:
    case 500:
    case 502:
    case 503:
      return "14";  // UNAVAILABLE
    default:
      return status < 500 ? "13" : "2";  // INTERNAL, UNKNOWN
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

ResponseHead make_grpc_refusal(int status, std::string_view message) {
  ResponseHead head;
  head.headers.add("content-type", "application/grpc");
  head.headers.add("grpc-status", grpc_status_of(status));
  head.headers.add("grpc-message", codec::percent_encode(message));
  return head;
}

}  // namespace rage::gateway::detail
