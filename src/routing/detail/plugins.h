// The plugins by family. Each reads its parameters; what is wrong is left in the reader.
#pragma once

#include "routing/detail/plugin.h"

namespace rage::routing::detail {

// label_filters.cc
Plugin label_selector_filter(ParameterReader& parameters);
Plugin decode_filter(ParameterReader& parameters);
Plugin prefill_filter(ParameterReader& parameters);
Plugin encode_filter(ParameterReader& parameters);
Plugin header_based_testing_filter(ParameterReader& parameters);

// load_filters.cc
Plugin utilization_filter(ParameterReader& parameters);
Plugin endpoint_attribute_filter(ParameterReader& parameters);
Plugin prefix_cache_affinity_filter(ParameterReader& parameters);
Plugin utilization_detector_filter(ParameterReader& parameters);
Plugin concurrency_detector_filter(ParameterReader& parameters);

// load_scorers.cc
Plugin queue_scorer(ParameterReader& parameters);
Plugin running_requests_scorer(ParameterReader& parameters);
Plugin kv_cache_utilization_scorer(ParameterReader& parameters);
Plugin load_aware_scorer(ParameterReader& parameters);
Plugin active_request_scorer(ParameterReader& parameters);
Plugin token_load_scorer(ParameterReader& parameters);
Plugin endpoint_attribute_scorer(ParameterReader& parameters);

// affinity_scorers.cc
Plugin prefix_cache_scorer(ParameterReader& parameters);
Plugin lora_affinity_scorer(ParameterReader& parameters);
Plugin context_length_aware(ParameterReader& parameters);
Plugin header_label_affinity_scorer(ParameterReader& parameters);

// no_hit_lru.cc, session_affinity.cc, topology_affinity.cc
Plugin no_hit_lru_scorer(ParameterReader& parameters);
Plugin session_affinity_filter(ParameterReader& parameters);
Plugin session_affinity_scorer(ParameterReader& parameters);
Plugin topology_affinity_filter(ParameterReader& parameters, const TopologyLabels& labels);
Plugin topology_affinity_scorer(ParameterReader& parameters, const TopologyLabels& labels);
TopologyLabels read_topology_labels(ParameterReader& parameters);

// pickers.cc
Plugin max_score_picker(ParameterReader& parameters);
Plugin random_picker(ParameterReader& parameters);
Plugin weighted_random_picker(ParameterReader& parameters);

// deciders.cc
Plugin prefix_based_pd_decider(ParameterReader& parameters);
Plugin always_disagg_pd_decider(ParameterReader& parameters);
Plugin always_disagg_multimodal_decider(ParameterReader& parameters);

}  // namespace rage::routing::detail
