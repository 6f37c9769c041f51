// A model server's /metrics under vLLM's names: what routers read to decide.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "obs/metrics.h"
#include "simulator/engine.h"

namespace rage::simulator {

// One request that ended, in the model's time.
struct ServedRequest {
  std::string_view finish_reason;  // "stop", "length", "abort".
  std::uint64_t prompt_tokens = 0;
  std::uint64_t output_tokens = 0;
  VirtualTime to_first_token{0};
  VirtualTime to_last_token{0};
};

// Resource. render() is for one thread at a time; observe() is thread-safe.
class VllmMetrics final {
 public:
  VllmMetrics(std::string_view model, const EngineOptions& options);

  void observe(const ServedRequest& request);
  // All series. Adapters in use are a series of their own for each combination, whose value is the
  // time when it was last true: the newest counts.
  std::string render(const EngineState& state, WallTime now);

 private:
  struct AdapterSeries {
    std::string labels;
    double seen_at = 0;
  };
  void render_adapters(std::string& out, const EngineState& state, WallTime now);

  const EngineOptions options_;
  const std::string model_;
  const obs::Labels labels_;
  obs::MetricRegistry registry_;
  obs::Counter& stopped_;
  obs::Counter& cut_off_;
  obs::Counter& aborted_;
  obs::Histogram& first_token_;
  obs::Histogram& each_token_;
  obs::Histogram& whole_;
  obs::Histogram& prompt_tokens_;
  obs::Histogram& output_tokens_;
  std::deque<AdapterSeries> adapters_;  // Oldest first; bounded.
};

}  // namespace rage::simulator
