#include <optional>
#include <string>

#include "base/strings.h"
#include "gateway/detail/exchange_trace.h"
#include "gateway/detail/forwarded.h"
#include "obs/trace_context.h"

namespace rage::gateway::detail {
namespace {

std::optional<obs::TraceContext> trace_of(const HeaderBlock& headers) {
  const auto traceparent = headers.find("traceparent");
  if (!traceparent) return std::nullopt;
  std::string state;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers.name(i) != "tracestate") continue;
    if (!state.empty()) state += ',';
    state += headers.value(i);
  }
  return obs::parse_trace_context(*traceparent, state);
}

void write_to(const obs::Span& span, RequestHead& head) {
  const obs::TraceContext& context = *span.context();
  head.headers.set("traceparent", obs::render_traceparent(context));
  head.headers.remove("tracestate");
  if (!context.state.empty()) head.headers.add("tracestate", context.state);
}

void set_endpoint(obs::Span& span, std::string_view endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return;
  span.set("server.address", endpoint.substr(0, colon));
  span.set("server.port", parse_uint(endpoint.substr(colon + 1)).value_or(0));
}

}  // namespace

std::unique_ptr<ExchangeTrace> ExchangeTrace::begin(const obs::Tracer* tracer,
                                                    const RequestHead& head,
                                                    std::string_view host) {
  if (tracer == nullptr || !tracer->is_on()) return nullptr;
  std::unique_ptr<ExchangeTrace> trace(new ExchangeTrace());
  trace->request_ = tracer->begin(head.method, obs::SpanKind::kServer, trace_of(head.headers));
  trace->request_.set("http.request.method", head.method);
  trace->request_.set("url.path", path_of(head.target));
  trace->request_.set("server.address", host);
  return trace;
}

void ExchangeTrace::begin_pick(RequestHead& head) {
  pick_ = request_.child("pick endpoint");
  write_to(pick_, head);
}

void ExchangeTrace::end_pick(std::string_view endpoint) {
  pick_.set("rage.pick.endpoint", endpoint);
  pick_.end();
}

void ExchangeTrace::fail_pick(std::string_view why) {
  pick_.fail(why);
  pick_.end();
}

void ExchangeTrace::begin_attempt(std::string_view endpoint, RequestHead& head) {
  attempt_ = request_.child(head.method, obs::SpanKind::kClient);
  attempt_.set("http.request.method", head.method);
  set_endpoint(attempt_, endpoint);
  write_to(attempt_, head);
}

void ExchangeTrace::note_attempt_status(int status) {
  attempt_.set("http.response.status_code", status);
  if (status >= 400) attempt_.fail(std::to_string(status));
}

void ExchangeTrace::fail_attempt(std::string_view why) {
  attempt_.fail(why);
  attempt_.end();
}

void ExchangeTrace::end(const End& end) {
  pick_.end();
  attempt_.end();
  if (!request_.is_recorded()) return;
  if (end.status != 0) request_.set("http.response.status_code", end.status);
  if (!end.route.empty()) request_.set("rage.gateway.route", end.route);
  if (!end.backend.empty()) request_.set("rage.gateway.backend", end.backend);
  if (!end.model.empty()) request_.set("gen_ai.request.model", end.model);
  if (end.retries > 0) request_.set("rage.gateway.retries", end.retries);
  if (end.client_gone) request_.set("rage.http.client_gone", true);
  if (end.status >= 500) request_.fail(std::to_string(end.status));
  if (end.cut_off) request_.fail("cut_off");
  request_.end();
}

}  // namespace rage::gateway::detail
