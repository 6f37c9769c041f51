#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "kube/client.h"
#include "kube/detail/status.h"

namespace rage::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kRetryAfterMaxSeconds = 3600;
constexpr std::size_t kPlainMessageMax = 300;
// How Error::detail starts: the one place that tells 409 and 410 apart.
constexpr std::string_view kGone = "HTTP 410";
constexpr std::string_view kConflict = "HTTP 409";

ErrorCode code_of(int status, std::string_view reason) {
  if (status >= 500) return ErrorCode::kUnavailable;
  switch (status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 405:
    case 406:
    case 415:
      return ErrorCode::kUnimplemented;
    case 409:
      return reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kFailedPrecondition;
    case 410:
      return ErrorCode::kFailedPrecondition;
    case 429:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

std::optional<milliseconds> bounded_wait(double wait_seconds) {
  if (!(wait_seconds > 0)) return std::nullopt;
  return milliseconds(std::llround(std::min(wait_seconds, kRetryAfterMaxSeconds) * 1000));
}

Error make_error(int http_status, const Json& status) {
  const std::string reason = codec::string_or(status, "reason", "");
  Error error{.code = code_of(http_status, reason),
              .message = codec::string_or(status, "message", ""),
              .detail = fmt::format("HTTP {} {}", http_status, reason)};
  if (error.message.empty()) {
    error.message = fmt::format("the API server answered {} {}", http_status,
                                reason.empty() ? net::reason_phrase(http_status) : reason);
  }
  if (const Json* details = codec::find_key(status, "details")) {
    error.retry_after = bounded_wait(codec::number_or(*details, "retryAfterSeconds", 0));
  }
  return error;
}

}  // namespace

namespace detail {

Error reply_error(const net::HttpResponse& reply) {
  auto status = codec::parse_json(reply.body);
  const bool is_status = status && status->is_object() && status->contains("message");
  Error error = make_error(reply.status, is_status ? *status : Json());
  // A proxy's or an old server's plain text.
  const std::string_view plain = trim(reply.body);
  if (!is_status && !plain.empty() && plain.size() <= kPlainMessageMax) {
    error.message = fmt::format("{}: {}", error.message, plain);
  }
  if (const auto wait = parse_uint(trim(reply.headers.find("retry-after")))) {
    error.retry_after = bounded_wait(static_cast<double>(*wait));
  }
  return error;
}

Error status_error(const Json& status) {
  const double code = codec::number_or(status, "code", 500);
  return make_error(code >= 400 && code < 600 ? static_cast<int>(code) : 500, status);
}

}  // namespace detail

bool is_gone(const Error& error) {
  return error.code == ErrorCode::kFailedPrecondition && error.detail.starts_with(kGone);
}

bool is_conflict(const Error& error) {
  return error.code == ErrorCode::kFailedPrecondition && error.detail.starts_with(kConflict);
}

}  // namespace rage::kube
