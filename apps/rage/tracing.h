// Traces of a service, where OpenTelemetry's environment variables ask for them (docs/tracing.md).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tracing.h"
#include "obs/metrics.h"
#include "obs/span_exporter.h"
#include "obs/tracer.h"

namespace rage::app {

// Resource. Made before the server whose requests it traces, and after `registry`; what is recorded
// by then is sent when it is destroyed, for at most two seconds.
class Tracing final {
 public:
  // `service`: what service.name is unless the environment says otherwise, "rage-rag".
  Tracing(std::string_view service, obs::MetricRegistry& registry);
  ~Tracing();
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  const obs::Tracer& tracer() const { return *tracer_; }
  net::HttpHandler around(net::RouteOf route_of, net::HttpHandler handler) const {
    return net::traced(*tracer_, std::move(route_of), std::move(handler));
  }

 private:
  std::unique_ptr<net::HttpTransport> transport_;
  std::unique_ptr<obs::SpanExporter> exporter_;
  std::unique_ptr<obs::Tracer> tracer_;
};

}  // namespace rage::app
