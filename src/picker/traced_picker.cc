#include "picker/traced_picker.h"

#include <utility>

#include "net/tracing.h"
#include "obs/trace_context.h"

namespace rage::picker {
namespace {

void note(obs::Span& span, PickOutcome& outcome) {
  if (outcome.refusal) {
    span.set("http.response.status_code", outcome.refusal->status);
    span.fail(outcome.refusal->code_name);
  }
  if (!outcome.pick) return;
  if (!outcome.pick->destinations.empty()) {
    span.set("rage.pick.endpoint", outcome.pick->destinations.front());
  }
  if (!outcome.pick->model.empty()) span.set("gen_ai.request.model", outcome.pick->model);
  const obs::TraceContext& context = *span.context();
  auto& headers = outcome.pick->request_headers;
  headers.emplace_back("traceparent", obs::render_traceparent(context));
  if (!context.state.empty()) headers.emplace_back("tracestate", context.state);
}

}  // namespace

std::unique_ptr<PickTicket> TracedPicker::pick(PickRequest request,
                                               std::function<void(PickOutcome)> done) {
  if (!tracer_.is_on()) return picker_.pick(std::move(request), std::move(done));
  // Shared, because functions are copied; it ends with the pick, or with the ticket of one that is
  // cancelled.
  auto span = std::make_shared<obs::Span>(
      tracer_.begin("pick endpoint", obs::SpanKind::kServer, net::trace_of(request.headers)));
  return picker_.pick(std::move(request),
                      [span = std::move(span), done = std::move(done)](PickOutcome outcome) {
                        note(*span, outcome);
                        span->end();
                        done(std::move(outcome));
                      });
}

}  // namespace rage::picker
