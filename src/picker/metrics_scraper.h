// Keeps the metrics of a pool's endpoints fresh.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "net/scrape_client.h"
#include "obs/metrics.h"
#include "picker/endpoint_table.h"
#include "routing/metrics_text.h"

namespace rage::picker {

struct ScrapeSettings {
  bool enabled = true;  // False: decisions rest on what we have in flight alone.
  std::chrono::milliseconds interval{50};
  std::string path = "/metrics";
  std::uint16_t port = 0;                 // 0: the endpoint's own.
  std::string default_engine = "vllm";    // Of pods without the label llm-d.ai/engine-type.
  routing::MetricRules extra_rules = {};  // customMetrics; for every engine.
  // Another engine's rules, or others for a known one.
  std::map<std::string, routing::MetricRules, std::less<>> engines = {};
  net::ScrapeOptions client = {};
};

// Resource. One thread calls apply(); updates come on the loop's thread.
class MetricsScraper final {
 public:
  // `updated` is called after each scrape that brought something. kInvalidArgument: settings that
  // make no sense. `clock` and `poll_errors` outlive it.
  static Result<std::unique_ptr<MetricsScraper>> create(ScrapeSettings settings, Clock& clock,
                                                        std::function<void()> updated,
                                                        std::function<void()> failed);
  ~MetricsScraper();
  MetricsScraper(const MetricsScraper&) = delete;
  MetricsScraper& operator=(const MetricsScraper&) = delete;

  void apply(const TableChange& change);
  net::ScrapeStatistics statistics() const { return loop_->statistics(); }
  std::chrono::nanoseconds cpu_time() const { return loop_->cpu_time(); }

 private:
  MetricsScraper(ScrapeSettings settings, Clock& clock, std::function<void()> updated,
                 std::function<void()> failed);
  Result<std::shared_ptr<const routing::MetricsFormat>> format_of(const std::string& engine);

  const ScrapeSettings settings_;
  Clock& clock_;
  const std::function<void()> updated_;
  const std::function<void()> failed_;
  std::map<std::string, std::shared_ptr<const routing::MetricsFormat>, std::less<>> formats_;
  std::map<const EndpointSlot*, net::ScrapeId> targets_;
  std::unique_ptr<net::ScrapeLoop> loop_;  // Last: its sinks use everything above.
};

}  // namespace rage::picker
