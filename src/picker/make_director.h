// Builds the endpoint picker of one pool out of its parts.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "obs/metrics.h"
#include "payload/inference_request.h"
#include "picker/endpoint_picker.h"
#include "picker/endpoint_source.h"
#include "picker/metrics.h"
#include "picker/metrics_scraper.h"
#include "routing/eviction.h"
#include "routing/flow_control.h"
#include "routing/picker_config.h"
#include "routing/saturation.h"
#include "routing/scheduler.h"

namespace rage::picker {

struct DirectorOptions {
  std::string pool = "default";  // Of metrics' labels.
  ScrapeSettings scrape = {};
  routing::SaturationOptions saturation = routing::UtilizationOptions{};
  // None: requests never wait; sheddable ones (priority below 0) are turned away by a full pool.
  std::optional<routing::FlowControlOptions> flow_control = std::nullopt;
  std::optional<routing::EvictionOptions> eviction = std::nullopt;  // With flow control.
  std::optional<routing::ProbabilisticAdmitterOptions> admitter = std::nullopt;
  bool agent_identity = false;                    // Session headers of agents are fairness ids.
  std::vector<std::string> session_headers = {};  // Further ones, in lower case.
  // Whose bodies are read. The others pass as they are, unless `strict_paths`: then 400.
  std::set<payload::Api> apis = {payload::Api::kChatCompletions, payload::Api::kCompletions,
                                 payload::Api::kEmbeddings,      payload::Api::kResponses,
                                 payload::Api::kConversations,   payload::Api::kImages,
                                 payload::Api::kAudio,           payload::Api::kAnthropicMessages,
                                 payload::Api::kVllmGenerate};
  bool strict_paths = false;
  // Conformance tests of gateways: replies say which endpoint the gateway says it took them from.
  bool report_served = false;
  bool disaggregated = false;               // Count which stages requests ran in.
  std::chrono::seconds retry_after{1};      // Of 429s that flow control does not answer.
  std::chrono::milliseconds refresh{1000};  // Of the pool's gauges, and of what schedulers keep.
  PickerMetricsOptions metrics = {};
  std::optional<std::uint64_t> seed = std::nullopt;  // None: random.
};

// What the configuration says of all this; `scrape`, `pool` and `metrics` keep their defaults where
// it says nothing. kInvalidArgument as routing/flow_config.h has it.
Result<DirectorOptions> director_options(const routing::PickerConfig& config);

// `clock` and `registry` outlive it and every exchange it made.
Result<std::unique_ptr<EndpointPicker>> make_director(DirectorOptions options,
                                                      std::unique_ptr<routing::Scheduler> scheduler,
                                                      std::unique_ptr<EndpointSource> source,
                                                      Clock& clock, obs::MetricRegistry& registry);

}  // namespace rage::picker
