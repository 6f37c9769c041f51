// Tracing as OpenTelemetry's environment variables ask for it
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "obs/span_exporter.h"
#include "obs/tracer.h"

namespace rage::obs {

// Value. Read once, at the start.
struct TraceSettings {
  std::string url;  // Of POST /v1/traces; empty: tracing is off.
  std::vector<std::pair<std::string, std::string>> headers;  // To send along; may hold secrets.
  TracerOptions tracer;
  ExporterOptions exporter;
  std::vector<std::string> warnings;  // What was not understood, and what to do; for the log.
};

// `lookup` gives a variable's value, empty if it is not set. `service` is what service.name says
// where the environment does not. A value that is not understood is left out with a warning:
// nothing that only watches keeps a service from starting. Pure.
TraceSettings read_trace_settings(const std::function<std::string(std::string_view)>& lookup,
                                  std::string_view service, std::string_view version);

}  // namespace rage::obs
