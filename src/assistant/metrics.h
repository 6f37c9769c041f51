// All series of the assistant, created at zero: OpenTelemetry's generative-AI metrics under the
// names that its collector gives them for Prometheus, and our own.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "assistant/upstream.h"
#include "base/error.h"
#include "obs/metrics.h"

namespace rage::assistant {

// Value. Thread-safe to use. The registry outlives it.
class AssistantMetrics final {
 public:
  // `model` and `address` become label values: the model asked for and the upstream's base URL.
  AssistantMetrics(obs::MetricRegistry& registry, const std::string& model,
                   const std::string& address);

  // One answer of the model, or why there is none. Tokens are counted only where the upstream said.
  void asked(std::chrono::nanoseconds took, const Result<Answer>& answer);
  // What a turn took beside the model: mostly the history's part.
  void own(std::chrono::nanoseconds took);
  void request(int status);
  void stream_began() { streams_.add(1); }
  void stream_ended() { streams_.add(-1); }
  void set_unsaved(std::size_t messages) { unsaved_.set(static_cast<double>(messages)); }

 private:
  obs::Histogram& input_tokens_;
  obs::Histogram& output_tokens_;
  obs::Histogram& succeeded_;
  obs::Histogram& failed_;
  obs::Histogram& stopped_;
  obs::Histogram& own_;
  obs::Counter& requests_ok_;
  obs::Counter& requests_refused_;
  obs::Counter& requests_failed_;
  obs::Gauge& streams_;
  obs::Gauge& unsaved_;
};

}  // namespace rage::assistant
