#include "tracing.h"

#include <chrono>

#include "obs/log.h"
#include "obs/trace_settings.h"
#include "rag_environment.h"

namespace rage::app {
namespace {

constexpr std::chrono::milliseconds kFlushLimit{2000};

}  // namespace

Tracing::Tracing(std::string_view service, obs::MetricRegistry& registry) {
  obs::TraceSettings settings =
      obs::read_trace_settings(process_environment, service, RAGE_VERSION);
  for (const std::string& warning : settings.warnings) {
    obs::log().warn("traces: a setting was not understood", {{"why", warning}});
  }
  if (settings.url.empty()) {
    tracer_ = std::make_unique<obs::Tracer>();
    return;
  }
  transport_ = net::make_http_transport();
  exporter_ = std::make_unique<obs::SpanExporter>(
      std::move(settings.exporter), registry,
      net::send_traces_to(*transport_, std::move(settings.url), settings.headers));
  tracer_ = std::make_unique<obs::Tracer>(settings.tracer, *exporter_);
  obs::log().info("traces are on", {{"content", settings.tracer.captures_content}});
}

Tracing::~Tracing() {
  if (exporter_) exporter_->close(kFlushLimit);
}

}  // namespace rage::app
