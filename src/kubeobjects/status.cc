#include "kubeobjects/status.h"

#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace rage::kubeobjects {
namespace {

ErrorCode code_of(const StatusFacts& facts) {
  switch (facts.http_status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return facts.reason == "AlreadyExists" ? ErrorCode::kAlreadyExists
                                             : ErrorCode::kFailedPrecondition;
    case 410:
      return ErrorCode::kFailedPrecondition;
    case 429:
      return ErrorCode::kResourceExhausted;
    default:
      return facts.http_status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument;
  }
}

StatusFacts facts_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return {.http_status = 400, .reason = "BadRequest"};
    case ErrorCode::kNotFound:
      return {.http_status = 404, .reason = "NotFound"};
    case ErrorCode::kAlreadyExists:
      return {.http_status = 409, .reason = "AlreadyExists"};
    case ErrorCode::kFailedPrecondition:
      return {.http_status = 409, .reason = "Conflict"};
    case ErrorCode::kPermissionDenied:
      return {.http_status = 403, .reason = "Forbidden"};
    case ErrorCode::kUnauthenticated:
      return {.http_status = 401, .reason = "Unauthorized"};
    case ErrorCode::kResourceExhausted:
      return {.http_status = 413, .reason = "RequestEntityTooLarge"};
    case ErrorCode::kUnimplemented:
      return {.http_status = 405, .reason = "MethodNotAllowed"};
    case ErrorCode::kDeadlineExceeded:
      return {.http_status = 504, .reason = "Timeout"};
    case ErrorCode::kCancelled:
    case ErrorCode::kUnavailable:
      return {.http_status = 503, .reason = "ServiceUnavailable"};
    case ErrorCode::kInternal:
    case ErrorCode::kDataLoss:
      return {.http_status = 500, .reason = "InternalError"};
  }
  UNREACHABLE();
}

Json render_causes(const std::vector<Cause>& causes) {
  Json list = Json::array();
  for (const Cause& cause : causes) {
    Json item = Json::object();
    item["reason"] = cause.reason;
    item["message"] = cause.message;
    if (!cause.field.empty()) item["field"] = cause.field;
    list.push_back(std::move(item));
  }
  return list;
}

Json render_status(const StatusFacts& facts, std::string_view message) {
  Json details = Json::object();
  if (!facts.name.empty()) details["name"] = facts.name;
  if (!facts.group.empty()) details["group"] = facts.group;
  if (!facts.kind.empty()) details["kind"] = facts.kind;
  if (!facts.causes.empty()) details["causes"] = render_causes(facts.causes);
  if (facts.retry_after_seconds > 0) details["retryAfterSeconds"] = facts.retry_after_seconds;
  Json status = Json::object();
  status["kind"] = "Status";
  status["apiVersion"] = "v1";
  status["metadata"] = Json::object();
  status["status"] = "Failure";
  status["message"] = message;
  if (!facts.reason.empty()) status["reason"] = facts.reason;
  if (!details.empty() || facts.details_always) status["details"] = std::move(details);
  status["code"] = facts.http_status;
  return status;
}

std::string qualified(std::string_view group, std::string_view plural) {
  return group.empty() ? std::string(plural) : fmt::format("{}.{}", plural, group);
}

StatusFacts facts_about(int http_status, std::string_view reason, std::string_view group,
                        std::string_view kind, std::string_view name) {
  return {.http_status = http_status,
          .reason = std::string(reason),
          .name = std::string(name),
          .group = std::string(group),
          .kind = std::string(kind)};
}

}  // namespace

Error status_error(const StatusFacts& facts, std::string message) {
  Error error{.code = code_of(facts), .message = std::move(message)};
  error.detail = codec::render_json(render_status(facts, error.message));
  return error;
}

Json status_of(const Error& error) {
  if (error.detail.starts_with("{\"kind\":\"Status\"")) {
    if (auto status = codec::parse_json(error.detail)) return *std::move(status);
  }
  return render_status(facts_of(error.code), error.message);
}

int http_status_of(const Error& error) {
  return static_cast<int>(codec::number_or(status_of(error), "code", 500));
}

Error bad_request(std::string message) {
  return status_error({.http_status = 400, .reason = "BadRequest"}, std::move(message));
}

Error not_found(std::string_view group, std::string_view plural, std::string_view name) {
  return status_error(facts_about(404, "NotFound", group, plural, name),
                      fmt::format("{} \"{}\" not found", qualified(group, plural), name));
}

Error no_such_resource() {
  return status_error({.http_status = 404, .reason = "NotFound", .details_always = true},
                      "the server could not find the requested resource");
}

Error already_exists(std::string_view group, std::string_view plural, std::string_view name) {
  return status_error(facts_about(409, "AlreadyExists", group, plural, name),
                      fmt::format("{} \"{}\" already exists", qualified(group, plural), name));
}

Error conflict(std::string_view group, std::string_view plural, std::string_view name,
               std::string_view why) {
  return status_error(facts_about(409, "Conflict", group, plural, name),
                      fmt::format("Operation cannot be fulfilled on {} \"{}\": {}",
                                  qualified(group, plural), name, why));
}

Error invalid(std::string_view group, std::string_view kind, std::string_view name,
              std::vector<Cause> causes) {
  std::vector<std::string> texts;
  for (const Cause& cause : causes) {
    texts.push_back(cause.field.empty() ? cause.message
                                        : fmt::format("{}: {}", cause.field, cause.message));
  }
  const std::string all = join(texts, ", ");
  StatusFacts facts = facts_about(422, "Invalid", group, kind, name);
  facts.causes = std::move(causes);
  return status_error(facts, fmt::format("{} \"{}\" is invalid: {}", qualified(group, kind), name,
                                         texts.size() == 1 ? all : "[" + all + "]"));
}

Error gone(std::string message) {
  return status_error({.http_status = 410, .reason = "Expired"}, std::move(message));
}

}  // namespace rage::kubeobjects
