#include <array>

#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

struct PluginFactory {
  std::string_view type;
  Plugin (*make)(ParameterReader& parameters);
};

constexpr auto kFactories = std::to_array<PluginFactory>({
    {"label-selector-filter", label_selector_filter},
    {"decode-filter", decode_filter},
    {"prefill-filter", prefill_filter},
    {"encode-filter", encode_filter},
    {"header-based-testing-filter", header_based_testing_filter},
    {"utilization-filter", utilization_filter},
    {"endpoint-attribute-filter", endpoint_attribute_filter},
    {"prefix-cache-affinity-filter", prefix_cache_affinity_filter},
    {"utilization-detector", utilization_detector_filter},
    {"concurrency-detector", concurrency_detector_filter},
    {"session-affinity-filter", session_affinity_filter},
    {"session-affinity-scorer", session_affinity_scorer},
    {"queue-scorer", queue_scorer},
    {"running-requests-size-scorer", running_requests_scorer},
    {"kv-cache-utilization-scorer", kv_cache_utilization_scorer},
    {"load-aware-scorer", load_aware_scorer},
    {"active-request-scorer", active_request_scorer},
    {"token-load-scorer", token_load_scorer},
    {"endpoint-attribute-scorer", endpoint_attribute_scorer},
    {"prefix-cache-scorer", prefix_cache_scorer},
    {"lora-affinity-scorer", lora_affinity_scorer},
    {"context-length-aware", context_length_aware},
    {"header-label-affinity-scorer", header_label_affinity_scorer},
    {"no-hit-lru-scorer", no_hit_lru_scorer},
    {"max-score-picker", max_score_picker},
    {"random-picker", random_picker},
    {"weighted-random-picker", weighted_random_picker},
    {"prefix-based-pd-decider", prefix_based_pd_decider},
    {"always-disagg-pd-decider", always_disagg_pd_decider},
    {"always-disagg-multimodal-decider", always_disagg_multimodal_decider},
});

}  // namespace

std::optional<Plugin> make_plugin(std::string_view type, ParameterReader& parameters,
                                  const TopologyLabels& topology) {
  if (type == "topology-affinity-filter") return topology_affinity_filter(parameters, topology);
  if (type == "topology-affinity-scorer") return topology_affinity_scorer(parameters, topology);
  for (const PluginFactory& factory : kFactories) {
    if (factory.type == type) return factory.make(parameters);
  }
  return std::nullopt;
}

}  // namespace rage::routing::detail
