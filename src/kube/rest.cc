#include <algorithm>
#include <utility>

#include "kube/detail/backoff.h"
#include "kube/detail/rest.h"
#include "kube/detail/status.h"

namespace rage::kube::detail {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr int kReadTries = 3;
constexpr int kThrottledWriteTries = 2;
constexpr milliseconds kWaitMax = 60s;  // Told to wait longer: the caller has better things to do.
constexpr std::size_t kErrorBodyMax = 64 << 10;
constexpr const char* kAnything = "application/json, */*";
constexpr std::string_view kThrottled = "HTTP 429";

Context with_limit(const Context& context, milliseconds timeout) {
  Context limited = context;
  const SteadyTime end = Context::with_timeout(timeout).deadline.value_or(SteadyTime::max());
  limited.deadline = std::min(context.deadline.value_or(end), end);
  return limited;
}

int tries_max(const Error& error, bool read) {
  // The same code without a reply is our own limit on its size.
  if (error.detail.starts_with(kThrottled)) return read ? kReadTries : kThrottledWriteTries;
  const bool unavailable =
      error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kDataLoss;
  return read && unavailable ? kReadTries : 1;
}

// Nothing that a caller could take for the server's word: a missing token file is no missing
// object.
Error credential_error(Error error) {
  const bool waited =
      error.code == ErrorCode::kCancelled || error.code == ErrorCode::kDeadlineExceeded;
  if (!waited) error.code = ErrorCode::kUnauthenticated;
  return error;
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

Rest::Rest(net::HttpTransport& transport, Clock& clock, ClientConfig config,
           const ClientLimits& limits)
    : transport_(transport),
      clock_(clock),
      config_(std::move(config)),
      limits_(limits),
      bucket_(clock, limits.requests_per_second, limits.burst) {}

Result<net::ClientRequest> Rest::prepare(const Context& context, const RestRequest& request) {
  net::ClientRequest prepared{
      .method = request.method,
      .url = config_.server + request.path,
      .headers = {{"accept", request.accept.empty() ? kAnything : request.accept},
                  // Becomes the field manager of creates and patches.
                  {"user-agent", "rage-operator"}},
      .body = request.body,
      .body_bytes_max = request.body_bytes_max,
      .tls = config_.tls};
  if (!request.body.empty()) prepared.headers.add("content-type", request.content_type);
  if (config_.tokens) {
    const auto token = config_.tokens->token(context);
    if (!token) return fail(credential_error(token.error()));
    if (!token->empty()) prepared.headers.add("authorization", "Bearer " + *token);
    if (auto tls = config_.tokens->tls()) prepared.tls = std::move(tls);
  }
  return prepared;
}

// True if the request is worth another try with new credentials.
bool Rest::refresh_after(int status) {
  if (status != 401 || !config_.tokens) return false;
  config_.tokens->invalidate();
  return true;
}

Result<net::HttpResponse> Rest::fetch(const Context& context, const RestRequest& request) {
  for (bool fresh = false;; fresh = true) {
    ASSIGN_OR_RETURN(const net::ClientRequest prepared, prepare(context, request));
    ASSIGN_OR_RETURN(net::HttpResponse reply, transport_.fetch(context, prepared));
    if (fresh || !refresh_after(reply.status)) return reply;
  }
}

Result<std::string> Rest::send(const Context& context, const RestRequest& request) {
  Backoff backoff(100ms, 2s);
  for (int tries = 1;; ++tries) {
    RETURN_IF_ERROR(context.check());
    RETURN_IF_ERROR(bucket_.take(context));
    auto reply = fetch(with_limit(context, limits_.request_timeout), request);
    if (reply && is_success(reply->status)) return std::move(reply->body);
    Error error = reply ? reply_error(*reply) : std::move(reply).error();
    if (tries >= tries_max(error, request.method == "GET")) return fail(std::move(error));
    const milliseconds wait = error.retry_after.value_or(backoff.next());
    if (wait > kWaitMax || context.remaining(wait) < wait) return fail(std::move(error));
    if (!clock_.sleep_for(wait, context.stop)) {
      return fail(ErrorCode::kCancelled, "the request was cancelled");
    }
  }
}

Result<void> Rest::stream(const Context& context, const RestRequest& request,
                          milliseconds idle_timeout,
                          const std::function<bool(std::string_view bytes)>& on_bytes) {
  for (bool fresh = false;; fresh = true) {
    ASSIGN_OR_RETURN(net::ClientRequest prepared, prepare(context, request));
    prepared.idle_timeout = idle_timeout;
    net::HttpResponse head{.status = 0};
    const auto on_head = [&](const net::HttpResponse& received) {
      head = received;
      return true;
    };
    const auto take = [&](std::string_view bytes) {
      if (is_success(head.status)) return on_bytes(bytes);
      head.body += bytes.substr(0, kErrorBodyMax - std::min(kErrorBodyMax, head.body.size()));
      return head.body.size() < kErrorBodyMax;
    };
    Result<void> done = transport_.stream(context, prepared, on_head, take);
    if (head.status == 0 || is_success(head.status)) return done;
    // An error's body that was cut off tells less, but its status is known.
    if (fresh || !refresh_after(head.status)) return fail(reply_error(head));
  }
}

}  // namespace rage::kube::detail
