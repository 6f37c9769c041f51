// kaito.sh InferenceSet: N Workspaces from one template, scaled and rolled out together.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "apis/meta.h"
#include "apis/workspace.h"

namespace rage::apis {

enum class UpgradeStrategy { kInPlace, kSurge };

struct MaintenanceWindow {
  std::string schedule;                   // Five-field cron, UTC.
  std::chrono::seconds duration{14'400};  // Default 4 h.
};

struct AutoUpgrade {
  bool enabled = false;
  UpgradeStrategy strategy = UpgradeStrategy::kInPlace;
  std::optional<MaintenanceWindow> window;
};

// spec.updateStrategy as upstream declares it (apps/v1 StatefulSetUpdateStrategy) plus ours.
struct UpdateStrategy {
  std::string type = "RollingUpdate";  // RollingUpdate or OnDelete.
  int max_unavailable = 1;
  int max_surge = 0;  // Ours: extra replicas during a roll-out; at least one of the two is > 0.
  std::chrono::seconds progress_deadline{0};  // Ours: 0 is none but the pod's own start budget.
};

struct InferenceSet {
  ObjectMeta meta;
  int replicas = 1;
  std::optional<int> node_count_limit;
  LabelSelector label_selector;
  UpdateStrategy update_strategy;
  AutoUpgrade auto_upgrade;
  // spec.template
  StringMap template_labels;
  StringMap template_annotations;
  std::string instance_type;
  std::optional<Partition> partition;
  InferenceSpec inference;
  Json spec;    // The document's `spec`, as it came.
  Json status;  // The document's `status`, or null.
};

// A v1beta1 document; as parse_workspace().
Result<InferenceSet> parse_inference_set(const Json& document);

// The bytes whose SHA-256 is upstream's revision hash: `spec` as Go's encoding/json writes it.
std::string revision_input(const InferenceSet& set);

}  // namespace rage::apis
