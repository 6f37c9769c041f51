#include "routing/detail/plugin_catalog.h"

#include <array>

#include "base/check.h"

namespace rage::routing::detail {
namespace {

using enum PluginKind;
using enum Support;

constexpr std::string_view kNoPredictor =
    "needs a service that predicts latencies, which this picker does not call";
constexpr std::string_view kHeadersAnyway =
    "the profile handler writes these headers itself; this plugin can be removed";
constexpr std::string_view kTwoPlugins =
    "is two plugins here: precise-prefix-cache-producer listens, prefix-cache-scorer scores";
constexpr std::string_view kNoMedia =
    "needs hashes of media items, which this picker does not take";
constexpr std::string_view kAlwaysWatched = "endpoints are followed in any case";

constexpr auto kTypes = std::to_array<PluginType>({
    {"single-profile-handler", kProfileHandler},
    {"disagg-profile-handler", kProfileHandler},
    {"header-profile-handler", kProfileHandler},
    {"data-parallel-profile-handler", kProfileHandler},
    {"pd-profile-handler", kProfileHandler},
    {"prefix-based-pd-decider", kDecider},
    {"always-disagg-pd-decider", kDecider},
    {"always-disagg-multimodal-decider", kDecider},
    {"label-selector-filter", kFilter},
    {"decode-filter", kFilter},
    {"prefill-filter", kFilter},
    {"encode-filter", kFilter},
    {"prefix-cache-affinity-filter", kFilter},
    {"utilization-filter", kFilter},
    {"endpoint-attribute-filter", kFilter},
    {"topology-affinity-filter", kFilter},
    {"session-affinity-filter", kFilter},
    {"header-based-testing-filter", kFilter},
    {"slo-headroom-tier-filter", kFilter, kRefused, kNoPredictor},
    {"queue-scorer", kScorer},
    {"running-requests-size-scorer", kScorer},
    {"kv-cache-utilization-scorer", kScorer},
    {"load-aware-scorer", kScorer},
    {"active-request-scorer", kScorer},
    {"token-load-scorer", kScorer},
    {"prefix-cache-scorer", kScorer},
    {"no-hit-lru-scorer", kScorer},
    {"lora-affinity-scorer", kScorer},
    {"session-affinity-scorer", kScorer},
    {"context-length-aware", kScorer},
    {"endpoint-attribute-scorer", kScorer},
    {"header-label-affinity-scorer", kScorer},
    {"topology-affinity-scorer", kScorer},
    {"precise-prefix-cache-scorer", kScorer, kRefused, kTwoPlugins},
    {"latency-scorer", kScorer, kRefused, kNoPredictor},
    {"mm-embeddings-cache-scorer", kScorer, kRefused, kNoMedia},
    {"max-score-picker", kPicker},
    {"random-picker", kPicker},
    {"weighted-random-picker", kPicker},
    {"token-producer", kProducer},
    {"approx-prefix-cache-producer", kProducer},
    {"inflight-load-producer", kProducer},
    {"precise-prefix-cache-producer", kProducer},
    {"mm-embeddings-cache-producer", kProducer, kRefused, kNoMedia},
    {"predicted-latency-producer", kProducer, kRefused, kNoPredictor},
    {"burst-prefix-cache-producer", kProducer, kRefused,
     "holds requests back to group them, which this picker does not do"},
    {"session-id-producer", kProducer, kRefused,
     "name the header in the session affinity plugin's sessionIdConfig.sources instead"},
    {"p2p-source-producer", kProducer, kRefused,
     "model servers that fetch KV blocks from their peers are not supported"},
    {"probabilistic-admitter", kRequestControl},
    {"agent-identity", kRequestControl},
    {"destination-endpoint-served-verifier", kRequestControl},
    {"disagg-headers-handler", kRequestControl, kNoEffect, kHeadersAnyway},
    {"prefill-header-handler", kRequestControl, kNoEffect, kHeadersAnyway},
    {"encode-header-handler", kRequestControl, kNoEffect, kHeadersAnyway},
    {"latency-slo-admitter", kRequestControl, kRefused, kNoPredictor},
    {"request-attribute-reporter", kRequestControl, kRefused,
     "needs an interpreter of CEL expressions, which this picker has not"},
    {"disaggregatedset-rollout-screener", kRequestControl, kRefused,
     "rollouts of a DisaggregatedSet are not followed"},
    {"global-strict-fairness-policy", kFairness},
    {"round-robin-fairness-policy", kFairness},
    {"program-aware-fairness", kFairness},
    {"fcfs-ordering-policy", kOrdering},
    {"edf-ordering-policy", kOrdering},
    {"slo-deadline-ordering-policy", kOrdering},
    {"static-usage-limit-policy", kUsageLimit},
    {"priority-holdback-policy", kUsageLimit},
    {"soft-reflective-ceiling-policy", kUsageLimit},
    {"utilization-detector", kSaturationDetector},
    {"concurrency-detector", kSaturationDetector},
    {"openai-parser", kParser},
    {"anthropic-parser", kParser},
    {"vllmhttp-parser", kParser},
    {"sglanghttp-parser", kParser},
    {"vllmgrpc-parser", kParser},
    {"passthrough-parser", kParser},
    {"vertexai-parser", kParser, kRefused, "Vertex AI's PredictionService is not supported"},
    {"metrics-data-source", kDataSource},
    {"endpoint-notification-source", kDataSource, kNoEffect, kAlwaysWatched},
    {"k8s-notification-source", kDataSource, kNoEffect, kAlwaysWatched},
    {"models-data-source", kDataSource, kRefused, "lists of models are not scraped"},
    {"dcgm-data-source", kDataSource, kRefused, "GPU utilisation is not scraped from DCGM"},
    {"core-metrics-extractor", kExtractor},
    {"topology-extractor", kExtractor},
    {"file-discovery", kDiscovery},
});

constexpr auto kAliases = std::to_array<PluginAlias>({
    {"by-label-selector", "label-selector-filter"},
    {"by-label", "label-selector-filter"},
    {"simple-profile-handler", "single-profile-handler"},
    {"always-disagg-encode-decider", "always-disagg-multimodal-decider"},
});

}  // namespace

std::span<const PluginType> plugin_types() {
  return kTypes;
}

const PluginType* find_plugin_type(std::string_view type) {
  for (const PluginType& known : kTypes) {
    if (known.type == type) return &known;
  }
  return nullptr;
}

std::string_view canonical_plugin_type(std::string_view type) {
  for (const PluginAlias& alias : kAliases) {
    if (alias.old_type == type) return alias.type;
  }
  return type;
}

std::string_view name_of(PluginKind kind) {
  switch (kind) {
    case kProfileHandler:
      return "profile handler";
    case kDecider:
      return "decider";
    case kFilter:
      return "filter";
    case kScorer:
      return "scorer";
    case kPicker:
      return "picker";
    case kProducer:
      return "data producer";
    case kRequestControl:
      return "request control plugin";
    case kFairness:
      return "fairness policy";
    case kOrdering:
      return "ordering policy";
    case kUsageLimit:
      return "usage limit policy";
    case kBandSelection:
      return "band selection policy";
    case kSaturationDetector:
      return "saturation detector";
    case kParser:
      return "parser";
    case kDataSource:
      return "data source";
    case kExtractor:
      return "extractor";
    case kDiscovery:
      return "discovery plugin";
  }
  UNREACHABLE();
}

std::string known_plugin_types() {
  std::string list;
  for (const PluginType& known : kTypes) {
    if (known.support != kYes) continue;
    if (!list.empty()) list += ", ";
    list += known.type;
  }
  return list;
}

}  // namespace rage::routing::detail
