// Spans as OpenTelemetry's protocol has them in JSON: the body of POST /v1/traces
// (https://opentelemetry.io/docs/specs/otlp/, ExportTraceServiceRequest).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "obs/span.h"

namespace rage::obs {

// `resource`: of the process, such as service.name. Pure.
std::string render_otlp_json(std::span<const SpanRecord> spans,
                             const std::vector<Attribute>& resource, std::string_view version);

}  // namespace rage::obs
