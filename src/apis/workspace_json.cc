#include "apis/detail/spec_json.h"
#include "apis/workspace.h"

namespace rage::apis {
namespace detail {
namespace {

Json render_preset(const Preset& preset) {
  Json json = Json::object();
  json["name"] = preset.name;
  put_if_any(json, "accessMode", preset.access_mode);
  // A struct in Go: omitempty does not apply to it.
  Json& options = json["presetOptions"] = Json::object();
  put_if_any(options, "image", preset.image);
  put_if_any(options, "imagePullSecrets", preset.image_pull_secrets);
  put_if_any(options, "modelAccessSecret", preset.model_access_secret);
  return json;
}

Json render_data_source(const DataSource& source) {
  Json json = Json::object();
  put_if_any(json, "name", source.name);
  put_if_any(json, "urls", source.urls);
  if (!source.volume_source.is_null()) json["volumeSource"] = source.volume_source;
  put_if_any(json, "image", source.image);
  put_if_any(json, "imagePullSecrets", source.image_pull_secrets);
  return json;
}

Json render_adapter(const Adapter& adapter) {
  Json json = Json::object();
  if (adapter.source) json["source"] = render_data_source(*adapter.source);
  put_if_any(json, "strength", adapter.strength);
  return json;
}

Json render_metrics(const std::vector<PerformanceMetric>& metrics) {
  Json json = Json::object();
  for (const PerformanceMetric& metric : metrics) {
    Json& item = json[metric.name] = Json::object();
    put_if_any(item, "description", metric.description);
    item["value"] = metric.value;
    put_if_any(item, "unit", metric.unit);
    put_if_any(item, "config", metric.config);
  }
  return json;
}

}  // namespace

void put_if_any(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

void put_if_any(Json& object, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) object[key] = values;
}

void put_if_any(Json& object, const char* key, const StringMap& map) {
  if (map.empty()) return;
  Json& json = object[key] = Json::object();
  for (const auto& [name, value] : map) json[name] = value;
}

Json render_partition(const Partition& partition) {
  Json json = Json::object();
  json["mode"] = partition.mode == PartitionMode::kMig ? "mig" : "accelerator";
  put_if_any(json, "profile", partition.profile);
  if (partition.count) json["count"] = *partition.count;
  return json;
}

Json render_tuning_spec(const TuningSpec& tuning) {
  Json json = Json::object();
  if (tuning.preset) json["preset"] = render_preset(*tuning.preset);
  put_if_any(json, "method", tuning.method);
  put_if_any(json, "config", tuning.config);
  json["input"] = render_data_source(tuning.input);
  Json& output = json["output"] = Json::object();
  if (!tuning.output.volume_source.is_null()) output["volumeSource"] = tuning.output.volume_source;
  put_if_any(output, "image", tuning.output.image);
  put_if_any(output, "imagePushSecret", tuning.output.image_push_secret);
  return json;
}

}  // namespace detail

Json render_resource_spec(const ResourceSpec& resource) {
  Json json = Json::object();
  json["count"] = resource.count;
  detail::put_if_any(json, "instanceType", resource.instance_type);
  json["labelSelector"] = render_label_selector(resource.label_selector);
  detail::put_if_any(json, "preferredNodes", resource.preferred_nodes);
  if (resource.partition) json["partition"] = detail::render_partition(*resource.partition);
  return json;
}

Json render_inference_spec(const InferenceSpec& inference) {
  Json json = Json::object();
  if (inference.preset) json["preset"] = detail::render_preset(*inference.preset);
  if (!inference.pod_template.is_null()) json["template"] = inference.pod_template;
  detail::put_if_any(json, "config", inference.config);
  if (!inference.adapters.empty()) {
    Json& adapters = json["adapters"] = Json::array();
    for (const Adapter& adapter : inference.adapters) {
      adapters.push_back(detail::render_adapter(adapter));
    }
  }
  return json;
}

Json render_workspace_status(const WorkspaceStatus& status) {
  Json json = Json::object();
  detail::put_if_any(json, "workerNodes", status.worker_nodes);
  detail::put_if_any(json, "state", status.state);
  if (!status.conditions.empty()) json["conditions"] = render_conditions(status.conditions);
  if (status.target_node_count != 0) json["targetNodeCount"] = status.target_node_count;
  if (!status.performance.empty()) {
    json["performance"] = Json::object();
    json["performance"]["metrics"] = detail::render_metrics(status.performance);
  }
  return json;
}

}  // namespace rage::apis
