// Whose work a request is, as it travels between processes: W3C Trace Context, the headers
// `traceparent` and `tracestate` (https://www.w3.org/TR/trace-context/).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rage::obs {

using TraceId = std::array<std::uint8_t, 16>;  // Never all zero in what travels.
using SpanId = std::array<std::uint8_t, 8>;    // Likewise.

// Value.
struct TraceContext {
  TraceId trace_id{};
  SpanId span_id{};      // Of the span that made the request.
  bool sampled = false;  // Its maker records it.
  bool random = false;   // The last 7 bytes of the trace's id are random (Level 2).
  // `tracestate`: what vendors say to each other, passed on as it came. At most 512 bytes.
  std::string state = {};

  bool operator==(const TraceContext&) const = default;
};

// From the two headers; several `tracestate` lines are joined with commas before. None if the first
// is not well formed: the request then begins a trace. A `tracestate` that is not well formed is
// left out; of one that is too long the last members are.
std::optional<TraceContext> parse_trace_context(std::string_view traceparent,
                                                std::string_view tracestate);

// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
std::string render_traceparent(const TraceContext& context);

// Random, from the kernel.
TraceId random_trace_id();
SpanId random_span_id();

}  // namespace rage::obs
