#include "ragserver/responses.h"

#include <algorithm>
#include <chrono>

#include "codec/json.h"

namespace rage::ragserver {

net::HttpResponse json_ok(const codec::Json& body) {
  return net::HttpResponse::json(200, codec::render_json(body));
}

int http_status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kFailedPrecondition:
      return 412;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kCancelled:
      return 499;  // The caller has gone; nobody reads it.
    case ErrorCode::kUnimplemented:
      return 501;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kDeadlineExceeded:
      return 504;
    case ErrorCode::kInternal:
    case ErrorCode::kDataLoss:
      return 500;
  }
  return 500;
}

net::HttpResponse render_error(int status, std::string_view detail) {
  return net::HttpResponse::json(status, codec::render_json({{"detail", detail}}));
}

net::HttpResponse render_error(const Error& error) {
  net::HttpResponse response = render_error(http_status_of(error.code), error.message);
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count();
    response.headers.set("retry-after", std::to_string(std::max<std::int64_t>(1, seconds)));
  }
  return response;
}

}  // namespace rage::ragserver
