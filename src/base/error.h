// The one channel for expected failures: Result<T> carries a value or an Error.
// Codes are gRPC's canonical codes (https://grpc.io/docs/guides/status-codes).
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rage {

enum class ErrorCode {
  kCancelled,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
};

// "NOT_FOUND" and so on, for logs and JSON.
std::string_view name_of(ErrorCode code);

// A value. `message` is safe to show to the caller; `detail` is for our log alone.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string detail = {};
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;

  // "listing pods: connection refused"
  Error with_context(std::string_view context) && {
    message = fmt::format("{}: {}", context, message);
    return std::move(*this);
  }

  bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{.code = code, .message = std::move(message)});
}

template <class... Args>
  requires(sizeof...(Args) > 0)
std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return fail(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace rage

#define RAGE_CONCAT_(a, b) a##b
#define RAGE_CONCAT(a, b) RAGE_CONCAT_(a, b)

// Plain statements: a statement-expression macro crashes g++ 12.2 inside a coroutine.
#define RETURN_IF_ERROR(expr)                               \
  do {                                                      \
    if (auto rage_status_ = (expr); !rage_status_) {        \
      return ::rage::fail(std::move(rage_status_).error()); \
    }                                                       \
  } while (false)

#define RAGE_ASSIGN_OR_RETURN_(tmp, decl, expr)          \
  auto tmp = (expr);                                     \
  if (!tmp) return ::rage::fail(std::move(tmp).error()); \
  decl = *std::move(tmp)

// ASSIGN_OR_RETURN(auto x, make_x());
#define ASSIGN_OR_RETURN(decl, expr) \
  RAGE_ASSIGN_OR_RETURN_(RAGE_CONCAT(rage_result_, __LINE__), decl, expr)
