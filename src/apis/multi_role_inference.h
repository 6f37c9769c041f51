// kaito.sh MultiRoleInference: one model whose requests are prefilled and decoded by pods of their
// own, each role an InferenceSet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/meta.h"

namespace rage::apis {

struct InferenceRole {
  std::string type;  // "prefill" or "decode"
  std::optional<int> replicas;
  std::string instance_type;   // Empty: bring your own nodes.
  std::string runtime_config;  // ConfigMap with key inference_config.yaml.
};

struct MultiRoleInference {
  ObjectMeta meta;
  LabelSelector label_selector;
  std::string model;
  std::string model_access_secret;  // Secret with key HF_TOKEN.
  std::string epp_plugins_config;   // ConfigMap with key config.yaml; empty: our default.
  std::vector<InferenceRole> roles;
  Json status;  // The document's `status`, or null.
};

// A v1alpha1 document; as parse_workspace().
Result<MultiRoleInference> parse_multi_role_inference(const Json& document);

}  // namespace rage::apis
