// Traces over HTTP: requests that come in are spans, and so their work belongs to whoever asked
// (W3C Trace Context); what was recorded goes to a collector (OTLP over HTTP, as JSON). Requests of
// HttpTransport carry the current span by themselves.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/http.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "obs/span_exporter.h"
#include "obs/trace_context.h"
#include "obs/tracer.h"

namespace rage::net {

// Of the request that these came with; none if they name no trace.
std::optional<obs::TraceContext> trace_of(const Headers& headers);

// The route that names a request's span, "/indexes/{name}/documents": from a closed set. Empty: the
// request is no span of its own (probes, metrics, files of a page).
using RouteOf = std::function<std::string(const HttpRequest& request)>;

// `handler` within a span for each request, which is the current one of its thread meanwhile.
// `tracer` outlives it.
HttpHandler traced(const obs::Tracer& tracer, RouteOf route_of, HttpHandler handler);

// POSTs what a SpanExporter hands over; the transport outlives it. Errors as SendTraces has them.
obs::SendTraces send_traces_to(HttpTransport& transport, std::string url,
                               const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace rage::net
