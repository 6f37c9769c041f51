#include "operator/multi_role_inference_plan.h"

namespace rage::op {

std::string default_epp_plugins() {
  return R"(apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: disagg-headers-handler
- type: approx-prefix-cache-producer
  parameters:
    autoTune: true
    blockSizeTokens: 64
- type: prefix-based-pd-decider
  parameters:
    nonCachedTokens: 4
- type: disagg-profile-handler
  parameters:
    deciders:
      prefill: prefix-based-pd-decider
- name: prefill-filter
  type: by-label-selector
  parameters:
    matchLabels:
      kaito.sh/inference-role: prefill
- name: decode-filter
  type: by-label-selector
  parameters:
    matchLabels:
      kaito.sh/inference-role: decode
- type: load-aware-scorer
  parameters:
    threshold: 10
- type: kv-cache-utilization-scorer
- type: max-score-picker
schedulingProfiles:
- name: prefill
  plugins:
  - pluginRef: prefill-filter
  - pluginRef: load-aware-scorer
    weight: 10
  - pluginRef: kv-cache-utilization-scorer
    weight: 5
  - pluginRef: max-score-picker
- name: decode
  plugins:
  - pluginRef: decode-filter
  - pluginRef: load-aware-scorer
    weight: 10
  - pluginRef: kv-cache-utilization-scorer
    weight: 5
  - pluginRef: max-score-picker
)";
}

}  // namespace rage::op
