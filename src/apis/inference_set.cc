#include "apis/inference_set.h"

#include <algorithm>

#include "apis/detail/duration.h"
#include "apis/detail/spec_fields.h"
#include "base/strings.h"

namespace rage::apis {
namespace {

using detail::FieldReader;

// An IntOrString: a number of replicas, or a share of them ("25%"), rounded up as for StatefulSets.
int read_share(const FieldReader& fields, std::string_view key, int replicas, int fallback) {
  const Json* value = fields.find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) return fields.integer(key, fallback);
  std::string_view text = value->get_ref<const std::string&>();
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto number = parse_uint(text);
  if (!number || !percent || *number > 1000) {
    fields.refuse(key, "must be an integer or a percentage such as 25%");
    return fallback;
  }
  return static_cast<int>((*number * static_cast<std::uint64_t>(std::max(replicas, 0)) + 99) / 100);
}

UpdateStrategy read_update_strategy(const FieldReader& fields, int replicas) {
  UpdateStrategy strategy;
  strategy.type = fields.text("type", strategy.type);
  const FieldReader rolling = fields.child("rollingUpdate");
  strategy.max_unavailable =
      read_share(rolling, "maxUnavailable", replicas, strategy.max_unavailable);
  strategy.max_surge = read_share(fields, "maxSurge", replicas, strategy.max_surge);
  strategy.progress_deadline = std::chrono::seconds{fields.integer("progressDeadlineSeconds", 0)};
  return strategy;
}

AutoUpgrade read_auto_upgrade(const FieldReader& fields) {
  AutoUpgrade upgrade;
  upgrade.enabled = fields.flag("enabled");
  if (fields.text("strategy") == "Surge") upgrade.strategy = UpgradeStrategy::kSurge;
  const FieldReader window = fields.child("maintenanceWindow");
  if (!window.exists()) return upgrade;
  upgrade.window = MaintenanceWindow{};
  upgrade.window->schedule = window.text("schedule");
  const std::string duration = window.text("duration");
  if (duration.empty()) return upgrade;
  if (const auto seconds = detail::parse_go_duration(duration)) {
    upgrade.window->duration = *seconds;
  } else {
    window.refuse("duration", "must be a duration such as 4h or 90m");
  }
  return upgrade;
}

}  // namespace

Result<InferenceSet> parse_inference_set(const Json& document) {
  const FieldReader fields(document);
  const FieldReader spec = fields.child("spec");
  const FieldReader pods = spec.child("template");
  const FieldReader metadata = pods.child("metadata");
  const FieldReader resource = pods.child("resource");
  InferenceSet set;
  set.meta = parse_meta(document);
  set.replicas = spec.integer("replicas", 1);
  set.node_count_limit = spec.optional_integer("nodeCountLimit");
  set.label_selector = spec.selector("labelSelector");
  set.update_strategy = read_update_strategy(spec.child("updateStrategy"), set.replicas);
  set.auto_upgrade = read_auto_upgrade(spec.child("autoUpgrade"));
  set.template_labels = metadata.text_map("labels");
  set.template_annotations = metadata.text_map("annotations");
  set.instance_type = resource.text("instanceType");
  set.partition = detail::read_partition(resource.child("partition"));
  set.inference = detail::read_inference_spec(pods.child("inference"));
  set.spec = fields.object("spec");
  set.status = fields.object("status");
  RETURN_IF_ERROR(fields.check());
  return set;
}

}  // namespace rage::apis
