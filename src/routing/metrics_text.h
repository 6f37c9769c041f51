// Reads the few series that routing needs out of a model server's metrics page (Prometheus text
// format 0.0.4, names as llm-d's router maps them). What is not wanted costs a search for the next
// line end and one comparison, and no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "routing/endpoint.h"
#include "routing/series_selector.h"

namespace rage::routing {

namespace detail {
class Labels;
}

enum class MetricSignal { kWaiting, kRunning, kKvUsage, kBlockTokens, kBlocks, kLora, kCustom };

// What several series of one name (data-parallel engines, models of one server) amount to.
enum class Aggregate { kFirst, kSum, kMean, kMax };

// Value. One thing to look for.
struct MetricRule {
  MetricSignal signal = MetricSignal::kCustom;
  SeriesSelector series;
  std::string value_label = {};  // The number is this label's value; empty: the sample's.
  Aggregate aggregate = Aggregate::kFirst;
  std::string attribute = {};  // kCustom: the key in EndpointMetrics::custom.
};

// Several rules for one signal are alternatives: the first of them that finds something holds.
using MetricRules = std::vector<MetricRule>;

// By the value of the label llm-d.ai/engine-type: "vllm", "sglang", "trtllm-serve",
// "triton-tensorrt-llm", "triton", "llama-server", "auto" (whichever of vLLM, SGLang, trtllm-serve
// and llama-server the page is of), and "rage" for a gateway or picker of ours that stands before
// further servers. Counts are summed over engines, usage is averaged. None if there is no such
// engine.
std::optional<MetricRules> engine_metric_rules(std::string_view engine_type);
std::span<const std::string_view> engine_types();

// Value, immutable, shared by all scans of one kind of server.
class MetricsFormat final {
 public:
  // kInvalidArgument: too many rules (256), or a custom one without attribute.
  static Result<std::shared_ptr<const MetricsFormat>> create(MetricRules rules);

  const MetricRules& rules() const { return rules_; }
  // Indexes of the rules whose series has the name that `line` begins with, and the name's length.
  struct Named {
    std::span<const std::uint16_t> rules;
    std::size_t name_bytes = 0;
  };
  Named find(std::string_view line) const;

 private:
  struct Name {
    std::uint64_t window = 0;
    std::string text;
    std::vector<std::uint16_t> rules;
  };
  MetricsFormat() = default;

  MetricRules rules_;
  std::vector<Name> names_;
  // Eight bytes (or what the shortest name has) behind the prefix that all names share.
  std::size_t window_at_ = 0;
  std::uint64_t window_mask_ = 0;
};

// What a page said.
struct ScannedMetrics {
  EndpointMetrics metrics;  // updated_at is set if anything was found.
  bool has_waiting = false;
  bool has_running = false;
  bool has_kv_usage = false;
  std::uint64_t lines_skipped = 0;  // Of wanted series: too long, malformed, or not a number.
};

// Resource. One thread. To be used again and again: it keeps its buffers.
class MetricsScan final {
 public:
  static constexpr std::size_t kLineBytesMax = std::size_t{64} << 10;
  static constexpr std::size_t kAdaptersMax = 512;  // Of each list; the rest is left out.

  explicit MetricsScan(std::shared_ptr<const MetricsFormat> format);
  // The next piece of the page, cut anywhere.
  void feed(std::string_view chunk);
  // The end of the page; the scan is as new afterwards.
  ScannedMetrics finish(SteadyTime now);

 private:
  struct Found {
    std::uint64_t count = 0;
    double sum = 0;
    double first = 0;
    double most = 0;
  };
  struct Lora {
    bool found = false;
    double updated = 0;
    std::string adapters_max;
    std::string running;
    std::string waiting;
  };

  void line(std::string_view text);
  void keep(std::string_view piece);
  void sample(const MetricsFormat::Named& named, std::string_view rest);
  void add(std::uint16_t rule, double value);
  void lora(const detail::Labels& labels, double value);
  // None if no rule for it found anything.
  std::optional<double> value_of(MetricSignal signal) const;
  double value_of(std::size_t rule) const;

  const std::shared_ptr<const MetricsFormat> format_;
  std::vector<Found> found_;  // By rule.
  Lora lora_;
  std::string partial_;  // The line so far, when a chunk ended within it.
  bool too_long_ = false;
  std::uint64_t skipped_ = 0;
};

}  // namespace rage::routing
