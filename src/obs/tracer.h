// Begins traces, and decides which are recorded.
#pragma once

#include <optional>
#include <string_view>

#include "obs/span.h"
#include "obs/trace_context.h"

namespace rage::obs {

// Value. OpenTelemetry's samplers: always_on, always_off and traceidratio, each alone or for traces
// that begin here.
struct Sampler {
  bool parent_based = true;  // Who asked decides, if anybody did.
  double ratio = 1.0;        // Of the others, by the trace's id; 0 to 1.
};

// Pure. The same for every process that is asked about one trace with one ratio.
bool is_sampled(const Sampler& sampler, const std::optional<TraceContext>& parent,
                const TraceId& trace);

// Interface. Thread-safe.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void take(SpanRecord span) = 0;  // Never waits.
};

struct TracerOptions {
  Sampler sampler = {};
  bool captures_content = false;  // What people and models say may be recorded.
};

// Resource. Thread-safe. Outlives its spans; its sink outlives it.
class Tracer final {
 public:
  Tracer() = default;  // Records nothing; what came with a request is passed on.
  Tracer(const TracerOptions& options, SpanSink& sink) : options_(options), sink_(&sink) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  bool is_on() const { return sink_ != nullptr; }
  const TracerOptions& options() const { return options_; }

  // The first span here of a request that came with `parent`; none: a trace begins.
  Span begin(std::string_view name, SpanKind kind, const std::optional<TraceContext>& parent) const;

 private:
  friend class Span;
  Span begin_child(const Span& parent, std::string_view name, SpanKind kind) const;
  void take(SpanRecord record) const;

  const TracerOptions options_;
  SpanSink* const sink_ = nullptr;
};

}  // namespace rage::obs
