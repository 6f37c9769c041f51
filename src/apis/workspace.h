// kaito.sh Workspace: one model served (or tuned) on nodes that match a selector.
// The structs hold the v1beta1 shape; v1alpha1 documents are converted first (conversion.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/meta.h"

namespace rage::apis {

enum class PartitionMode { kMig, kAccelerator };

// A part of a node's GPUs: a MIG slice by profile ("3g.40gb"), or `count` whole GPUs.
struct Partition {
  PartitionMode mode = PartitionMode::kAccelerator;
  std::string profile;
  std::optional<int> count;

  bool operator==(const Partition&) const = default;
};

struct ResourceSpec {
  int count = 1;
  std::string instance_type;  // Empty: bring your own nodes.
  LabelSelector label_selector;
  std::vector<std::string> preferred_nodes;
  std::optional<Partition> partition;

  bool operator==(const ResourceSpec&) const = default;
};

struct Preset {
  std::string name;         // Hugging Face id, alias or registered name; case-insensitive.
  std::string access_mode;  // "public" or "private".
  std::string image;
  std::vector<std::string> image_pull_secrets;
  std::string model_access_secret;  // Secret with key HF_TOKEN.

  bool operator==(const Preset&) const = default;
};

// Exactly one of urls, image and volume_source.
struct DataSource {
  std::string name;
  std::vector<std::string> urls;
  std::string image;
  std::vector<std::string> image_pull_secrets;
  Json volume_source;  // Null, or a core/v1 VolumeSource.

  bool operator==(const DataSource&) const = default;
};

struct Adapter {
  std::optional<DataSource> source;
  std::string strength;  // A number from 0 to 1 as text; transformers runtime only.

  bool operator==(const Adapter&) const = default;
};

// Exactly one of preset and pod_template.
struct InferenceSpec {
  std::optional<Preset> preset;
  Json pod_template;   // Null, or a core/v1 PodTemplateSpec.
  std::string config;  // ConfigMap with key inference_config.yaml.
  std::vector<Adapter> adapters;

  bool operator==(const InferenceSpec&) const = default;
};

struct DataDestination {
  Json volume_source;
  std::string image;
  std::string image_push_secret;

  bool operator==(const DataDestination&) const = default;
};

struct TuningSpec {
  std::optional<Preset> preset;
  std::string method;  // "lora" or "qlora", any case.
  std::string config;  // ConfigMap with key training_config.yaml.
  DataSource input;
  DataDestination output;

  bool operator==(const TuningSpec&) const = default;
};

struct PerformanceMetric {
  std::string name;
  std::string description;
  std::string value;
  std::string unit;
  StringMap config;

  bool operator==(const PerformanceMetric&) const = default;
};

struct WorkspaceStatus {
  std::vector<std::string> worker_nodes;  // Sorted.
  std::string state;  // Pending, Ready, NotReady; tuning: Pending, Running, Succeeded, Failed.
  Conditions conditions;
  int target_node_count = 0;
  std::vector<PerformanceMetric> performance;

  bool operator==(const WorkspaceStatus&) const = default;
};

struct Workspace {
  ObjectMeta meta;
  ResourceSpec resource;
  bool has_resource = false;  // `resource` was given.
  std::optional<InferenceSpec> inference;
  std::optional<TuningSpec> tuning;
  WorkspaceStatus status;
};

// A v1beta1 document. kInvalidArgument names the path of the first value of a wrong type; unknown
// fields are kept by the API server and ignored here. Rules beyond types: validation.h.
Result<Workspace> parse_workspace(const Json& document);
Json render_workspace_status(const WorkspaceStatus& status);  // Omits what is empty.

// The parts as JSON, keys in upstream's order (the revision hash depends on it, spec.h).
Json render_resource_spec(const ResourceSpec& resource);
Json render_inference_spec(const InferenceSpec& inference);
Result<ResourceSpec> parse_resource_spec(const Json& resource);
Result<InferenceSpec> parse_inference_spec(const Json& inference);

// The three documents whose SHA-256 is upstream's revision hash: `resource`, `inference` and
// `tuning` as Go's encoding/json writes them (nil as null, omitempty, HTML escapes), each with a
// final newline. A cluster taken over keeps its pods only if this is the same byte for byte.
std::string revision_input(const Workspace& workspace);

}  // namespace rage::apis
