#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "routing/metrics_text.h"

// Any page: numbers that routing can use, the same in one piece and in two.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::routing;
  if (size < 3) return 0;
  const auto engines = engine_types();
  const std::string_view page(reinterpret_cast<const char*>(bytes) + 3, size - 3);
  MetricRules rules = *engine_metric_rules(engines[bytes[0] % engines.size()]);
  const std::size_t cut = (std::size_t{bytes[1]} << 8 | bytes[2]) % (page.size() + 1);
  if (auto series = parse_series_selector(page.substr(0, page.find('\n')))) {
    rules.push_back({.series = *std::move(series), .attribute = "custom"});
  }
  MetricsScan scan(MetricsFormat::create(std::move(rules)).value());
  scan.feed(page);
  const ScannedMetrics whole = scan.finish({});
  scan.feed(page.substr(0, cut));
  scan.feed(page.substr(cut));
  const ScannedMetrics pieces = scan.finish({});
  CHECK(whole.metrics == pieces.metrics && whole.lines_skipped == pieces.lines_skipped);
  for (const double value : {whole.metrics.waiting, whole.metrics.running}) {
    CHECK(std::isfinite(value) && value >= 0);
  }
  CHECK(whole.metrics.kv_usage >= 0 && whole.metrics.kv_usage <= 1);
  CHECK(whole.metrics.active_adapters.size() <= MetricsScan::kAdaptersMax);
  for (const auto& [attribute, value] : whole.metrics.custom) CHECK(std::isfinite(value));
  return 0;
}
