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
  std::string default_engine = "auto";    // Of pods without the label llm-d.ai/engine-type.
  routing::MetricRules extra_rules = {};  // customMetrics; for every engine.
  // Another engine's rules, or others for a known one.
  std::map<std::string, routing::MetricRules, std::less<>> engines = {};
  net::ScrapeOptions client = {};
};

// Called on the loop's thread; none may be empty.
struct ScrapeHooks {
  std::function<void()> updated;         // An endpoint's metrics are new.
  std::function<void()> poll_failed;     // No page.
  std::function<void()> extract_failed;  // A page without anything we look for.
};

// Resource. One thread calls apply().
class MetricsScraper final {
 public:
  // kInvalidArgument: settings that make no sense. `clock` outlives it.
  static Result<std::unique_ptr<MetricsScraper>> create(ScrapeSettings settings, Clock& clock,
                                                        ScrapeHooks hooks);
  ~MetricsScraper();
  MetricsScraper(const MetricsScraper&) = delete;
  MetricsScraper& operator=(const MetricsScraper&) = delete;

  void apply(const TableChange& change);
  net::ScrapeStatistics statistics() const { return loop_->statistics(); }
  std::chrono::nanoseconds cpu_time() const { return loop_->cpu_time(); }

 private:
  MetricsScraper(ScrapeSettings settings, Clock& clock, ScrapeHooks hooks);
  Result<std::shared_ptr<const routing::MetricsFormat>> format_of(const std::string& engine);

  const ScrapeSettings settings_;
  Clock& clock_;
  const ScrapeHooks hooks_;
  std::map<std::string, std::shared_ptr<const routing::MetricsFormat>, std::less<>> formats_;
  std::map<const EndpointSlot*, net::ScrapeId> targets_;
  std::unique_ptr<net::ScrapeLoop> loop_;  // Last: its sinks use everything above.
};

}  // namespace rage::picker
