#include "obs/tracer.h"

#include <chrono>
#include <utility>

namespace rage::obs {
namespace {

std::unique_ptr<SpanRecord> make_record(const TraceContext& context,
                                        const std::optional<TraceContext>& parent,
                                        std::string_view name, SpanKind kind) {
  auto record = std::make_unique<SpanRecord>();
  record->context = context;
  if (parent) record->parent = parent->span_id;
  record->name = name;
  record->kind = kind;
  record->began = std::chrono::system_clock::now();
  return record;
}

}  // namespace

bool is_sampled(const Sampler& sampler, const std::optional<TraceContext>& parent,
                const TraceId& trace) {
  if (sampler.parent_based && parent) return parent->sampled;
  if (sampler.ratio >= 1) return true;
  if (!(sampler.ratio > 0)) return false;
  // As OpenTelemetry's libraries do: the last 8 bytes, without their lowest bit.
  std::uint64_t low = 0;
  for (std::size_t i = 8; i < trace.size(); ++i) low = (low << 8) | trace[i];
  constexpr double kRange = 9223372036854775808.0;  // 2^63
  return low >> 1 < static_cast<std::uint64_t>(sampler.ratio * kRange);
}

Span Tracer::begin(std::string_view name, SpanKind kind,
                   const std::optional<TraceContext>& parent) const {
  Span span;
  span.context_ = parent;
  if (sink_ == nullptr) return span;
  TraceContext context = parent.value_or(TraceContext{});
  if (!parent) {
    context.trace_id = random_trace_id();
    context.random = true;
  }
  context.span_id = random_span_id();
  context.sampled = is_sampled(options_.sampler, parent, context.trace_id);
  span.tracer_ = this;
  if (context.sampled) span.record_ = make_record(context, parent, name, kind);
  span.context_ = std::move(context);
  return span;
}

Span Tracer::begin_child(const Span& parent, std::string_view name, SpanKind kind) const {
  Span span;
  span.tracer_ = this;
  span.context_ = parent.context_;
  if (!span.context_ || !span.context_->sampled) return span;
  span.context_->span_id = random_span_id();
  span.record_ = make_record(*span.context_, parent.context_, name, kind);
  return span;
}

void Tracer::take(SpanRecord record) const {
  record.ended = std::chrono::system_clock::now();
  sink_->take(std::move(record));
}

}  // namespace rage::obs
