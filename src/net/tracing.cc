#include "net/tracing.h"

#include <fmt/format.h>

#include <chrono>

#include "base/strings.h"
#include "net/retry_after.h"

namespace rage::net {
namespace {

constexpr std::uint64_t kReplyBytesMax = 64 << 10;
constexpr std::uint64_t kRetryAfterSecondsMax = 3600;

// Sees the status that a handler answers with.
class StatusWriter final : public ResponseWriter {
 public:
  explicit StatusWriter(ResponseWriter& writer) : writer_(writer) {}
  Result<void> send(HttpResponse response) override {
    status = response.status;
    return writer_.send(std::move(response));
  }
  Result<void> begin(int begun, Headers headers) override {
    status = begun;
    return writer_.begin(begun, std::move(headers));
  }
  Result<void> write(std::string_view bytes) override { return writer_.write(bytes); }
  void abort() override {
    aborted = true;
    writer_.abort();
  }
  int status = 0;
  bool aborted = false;

 private:
  ResponseWriter& writer_;
};

void note_end(obs::Span& span, const Context& context, const StatusWriter& writer) {
  const bool gone = context.stop.stop_requested();
  if (gone) span.set("rage.http.client_gone", true);
  const int status = writer.status == 0 && !gone ? 500 : writer.status;
  if (status != 0) span.set("http.response.status_code", status);
  if (status >= 500) span.fail(std::to_string(status));
  if (writer.aborted) span.fail("aborted");
}

}  // namespace

std::optional<obs::TraceContext> trace_of(const Headers& headers) {
  const std::string_view traceparent = headers.find("traceparent");
  if (traceparent.empty()) return std::nullopt;
  std::string state;
  for (const auto& [name, value] : headers.entries()) {
    if (!equals_ignoring_case(name, "tracestate")) continue;
    if (!state.empty()) state += ',';
    state += value;
  }
  return obs::parse_trace_context(traceparent, state);
}

HttpHandler traced(const obs::Tracer& tracer, RouteOf route_of, HttpHandler handler) {
  return [&tracer, route_of = std::move(route_of), handler = std::move(handler)](
             const Context& context, const HttpRequest& request, ResponseWriter& writer) {
    const auto parent = trace_of(request.headers);
    if (!tracer.is_on() && !parent) return handler(context, request, writer);
    const std::string route = route_of(request);
    if (route.empty()) return handler(context, request, writer);
    obs::Span span =
        tracer.begin(fmt::format("{} {}", request.method, route), obs::SpanKind::kServer, parent);
    const obs::SpanScope scope(span);
    if (!span.is_recorded()) return handler(context, request, writer);
    span.set("http.request.method", request.method);
    span.set("http.route", route);
    span.set("url.path", request.path);
    StatusWriter noting(writer);
    handler(context, request, noting);
    note_end(span, context, noting);
  };
}

obs::SendTraces send_traces_to(HttpTransport& transport, std::string url,
                               const std::vector<std::pair<std::string, std::string>>& headers) {
  ClientRequest request{.method = "POST", .url = std::move(url), .body_bytes_max = kReplyBytesMax};
  for (const auto& [name, value] : headers) request.headers.set(name, value);
  request.headers.set("content-type", "application/json");
  return [&transport, request](const Context& context, const std::string& body) -> Result<void> {
    ClientRequest asked = request;
    asked.body = body;
    const auto reply = transport.fetch(context, asked);
    if (!reply) return fail(reply.error());
    if (reply->status >= 200 && reply->status < 300) return {};
    const bool later = reply->status == 429 || (reply->status >= 502 && reply->status <= 504);
    return fail(Error{.code = later ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument,
                      .message = fmt::format("the collector answered {}", reply->status),
                      .detail = {},
                      .retry_after = retry_after(reply->headers, kRetryAfterSecondsMax)});
  };
}

}  // namespace rage::net
