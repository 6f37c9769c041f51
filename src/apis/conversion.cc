#include "apis/conversion.h"

#include <array>
#include <span>
#include <string>
#include <utility>

#include "apis/detail/kind_schemas.h"
#include "base/strings.h"
#include "codec/documents.h"

namespace rage::apis {
namespace {

// What the other version cannot say, as a JSON object from path to value.
constexpr const char* kNewFields = "rage.dev/v1beta1-fields";
constexpr const char* kOldFields = "rage.dev/v1alpha1-fields";
constexpr const char* kStorage = "spec.storage";
constexpr const char* kMetricConfigs = "status.performance.metrics.config";
// A hostile annotation costs no more than this; ours are far smaller.
constexpr codec::JsonLimits kAnnotationLimits = {.bytes_max = 256 << 10, .depth_max = 32};

using Paths = std::span<const std::string_view>;

struct Differences {
  std::string_view kind;
  std::array<std::string_view, 4> only_new;  // Fields of v1beta1 alone; the rest is empty.
  std::array<std::string_view, 2> only_old;  // Fields of v1alpha1 alone.
  std::string_view filled_in;  // v1alpha1 puts an instance type where v1beta1 has none.
};

constexpr std::array<Differences, 3> kDifferences = {{
    {"Workspace",
     {"resource.partition", "status.state", "status.targetNodeCount", "status.performance"},
     {},
     "resource.instanceType"},
    {"InferenceSet", {"spec.template.resource.partition"}, {}, ""},
    {"RAGEngine",
     {"spec.compute.partition", "spec.grounding"},
     {"spec.queryServiceName", "spec.indexServiceName"},
     "spec.compute.instanceType"},
}};

// The object that holds the last part of `path`, and that part. Null if a part before is missing.
std::pair<Json*, std::string> find_holder(Json& document, std::string_view path) {
  Json* object = &document;
  const std::vector<std::string_view> parts = split(path, '.');
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (!object->is_object()) return {nullptr, ""};
    const auto it = object->find(std::string(parts[i]));
    if (it == object->end()) return {nullptr, ""};
    object = &*it;
  }
  if (!object->is_object()) return {nullptr, ""};
  return {object, std::string(parts.back())};
}

Json* find_path(Json& document, std::string_view path) {
  const auto [holder, key] = find_holder(document, path);
  if (holder == nullptr) return nullptr;
  const auto it = holder->find(key);
  return it == holder->end() ? nullptr : &*it;
}

void lift(Json& document, Paths paths, Json& kept) {
  for (std::string_view path : paths) {
    if (path.empty()) continue;
    const auto [holder, key] = find_holder(document, path);
    if (holder == nullptr || !holder->contains(key)) continue;
    kept[std::string(path)] = std::move((*holder)[key]);
    holder->erase(key);
  }
}

// What is there by now wins over what was kept.
void put_back(Json& document, Paths paths, Json& kept) {
  for (std::string_view path : paths) {
    const auto it = kept.find(std::string(path));
    if (path.empty() || it == kept.end()) continue;
    const auto [holder, key] = find_holder(document, path);
    if (holder != nullptr && !holder->contains(key)) (*holder)[key] = std::move(*it);
  }
}

Json take_annotation(Json& document, const char* name) {
  Json* annotations = find_path(document, "metadata.annotations");
  if (annotations == nullptr || !annotations->is_object()) return Json::object();
  const auto it = annotations->find(name);
  if (it == annotations->end()) return Json::object();
  Json kept = Json::object();
  if (it->is_string()) {
    // What cannot be read is dropped: a refused conversion would make the object unreadable.
    auto parsed = codec::parse_json(it->get_ref<const std::string&>(), kAnnotationLimits);
    if (parsed && parsed->is_object()) kept = *std::move(parsed);
  }
  annotations->erase(name);
  if (annotations->empty()) document["metadata"].erase("annotations");
  return kept;
}

void set_annotation(Json& document, const char* name, const Json& kept) {
  if (kept.empty()) return;
  Json& metadata = document["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  if (!metadata.is_object()) return;
  Json& annotations = metadata["annotations"];
  if (annotations.is_null()) annotations = Json::object();
  if (annotations.is_object()) annotations[name] = codec::render_json(kept);
}

void copy_field(const Json& from, const char* key, Json& to) {
  if (const Json* value = codec::find_key(from, key)) to[key] = *value;
}

// RAGEngine's spec.storage is flat in v1alpha1. Null stands for an absent one.
Json flat_storage(const Json& nested) {
  const Json* volume = codec::find_key(nested, "persistentVolume");
  if (volume == nullptr || !volume->is_object()) return Json();
  Json flat = Json::object();
  copy_field(*volume, "persistentVolumeClaim", flat);
  copy_field(*volume, "mountPath", flat);
  return flat;
}

Json nested_storage(const Json& flat) {
  if (!flat.is_object()) return Json();
  Json nested = Json::object();
  if (flat.empty()) return nested;  // Says nothing, so it must not ask for a volume.
  Json& volume = nested["persistentVolume"] = Json::object();
  copy_field(flat, "persistentVolumeClaim", volume);
  copy_field(flat, "mountPath", volume);
  return nested;
}

Json storage_of(Json& document) {
  const Json* storage = find_path(document, kStorage);
  return storage == nullptr ? Json() : *storage;
}

void set_storage(Json& document, Json storage) {
  const auto [holder, key] = find_holder(document, kStorage);
  if (holder == nullptr) return;
  if (storage.is_null()) {
    holder->erase(key);
  } else {
    (*holder)[key] = std::move(storage);
  }
}

void flatten_storage(Json& document, Json& kept, const Json& kept_old) {
  const Json nested = storage_of(document);
  Json flat = flat_storage(nested);
  const Json* before = codec::find_key(kept_old, kStorage);
  if (before != nullptr && codec::same_json(nested_storage(*before), nested)) flat = *before;
  if (!codec::same_json(nested_storage(flat), nested)) kept[kStorage] = nested;
  set_storage(document, std::move(flat));
}

void nest_storage(Json& document, const Json& kept, Json& kept_old) {
  const Json flat = storage_of(document);
  Json nested = nested_storage(flat);
  if (const Json* before = codec::find_key(kept, kStorage)) {
    if (codec::same_json(flat_storage(*before), flat)) {
      nested = *before;
    } else {  // Changed through v1alpha1, which cannot have meant what it cannot see.
      copy_field(*before, "vectorDB", nested);
      const Json* volume = codec::find_key(*before, "persistentVolume");
      const auto target = nested.find("persistentVolume");
      if (volume != nullptr && target != nested.end()) copy_field(*volume, "size", *target);
    }
  }
  if (!codec::same_json(flat_storage(nested), flat)) kept_old[kStorage] = flat;
  set_storage(document, std::move(nested));
}

void lift_metric_configs(Json& document, Json& kept) {
  Json* metrics = find_path(document, "status.performance.metrics");
  if (metrics == nullptr || !metrics->is_object()) return;
  Json configs = Json::object();
  for (auto& [name, metric] : metrics->items()) {
    if (!metric.is_object() || !metric.contains("config")) continue;
    configs[name] = std::move(metric["config"]);
    metric.erase("config");
  }
  if (!configs.empty()) kept[kMetricConfigs] = std::move(configs);
}

void put_back_metric_configs(Json& document, const Json& kept) {
  Json* metrics = find_path(document, "status.performance.metrics");
  const Json* configs = codec::find_key(kept, kMetricConfigs);
  if (metrics == nullptr || !metrics->is_object() || configs == nullptr) return;
  for (auto& [name, metric] : metrics->items()) {
    const Json* config = codec::find_key(*configs, name);
    if (config != nullptr && metric.is_object() && !metric.contains("config")) {
      metric["config"] = *config;
    }
  }
}

void to_v1alpha1(Json& document, const Differences& differences) {
  static_cast<void>(
      take_annotation(document, kNewFields));  // Ours alone; a stale one is worthless.
  Json kept_old = take_annotation(document, kOldFields);
  Json kept = Json::object();
  lift(document, differences.only_new, kept);
  if (!differences.filled_in.empty()) {
    const auto [holder, key] = find_holder(document, differences.filled_in);
    if (holder != nullptr && !holder->contains(key)) {
      kept[std::string(differences.filled_in)] = nullptr;
    }
  }
  if (differences.kind == "InferenceSet") lift_metric_configs(document, kept);
  if (differences.kind == "RAGEngine") flatten_storage(document, kept, kept_old);
  put_back(document, differences.only_old, kept_old);
  set_annotation(document, kNewFields, kept);
  document["apiVersion"] = kOldApiVersion;
}

void to_v1beta1(Json& document, const Differences& differences) {
  static_cast<void>(take_annotation(document, kOldFields));
  Json kept = take_annotation(document, kNewFields);
  Json kept_old = Json::object();
  lift(document, differences.only_old, kept_old);
  if (kept.contains(std::string(differences.filled_in))) {
    // Not given before, so the default of v1alpha1 is not somebody's wish.
    const auto [holder, key] = find_holder(document, differences.filled_in);
    if (holder != nullptr && codec::string_or(*holder, key, "") == detail::kV1alpha1InstanceType) {
      holder->erase(key);
    }
  }
  put_back(document, differences.only_new, kept);
  if (differences.kind == "InferenceSet") put_back_metric_configs(document, kept);
  if (differences.kind == "RAGEngine") nest_storage(document, kept, kept_old);
  set_annotation(document, kOldFields, kept_old);
  document["apiVersion"] = kNewApiVersion;
}

}  // namespace

Result<Json> convert(const Json& document, std::string_view to) {
  const std::string from = codec::string_or(document, "apiVersion", "");
  const std::string kind = codec::string_or(document, "kind", "");
  const auto version_of = [](std::string_view api) { return api.substr(api.find('/') + 1); };
  const bool known = (from == kOldApiVersion || from == kNewApiVersion) &&
                     (to == kOldApiVersion || to == kNewApiVersion) &&
                     find_schema(kind, version_of(from)) != nullptr &&
                     find_schema(kind, version_of(to)) != nullptr;
  if (!known) {
    return fail(ErrorCode::kInvalidArgument, "cannot convert {} {} to {}", from, kind, to);
  }
  Json result = document;
  if (from == to) return result;
  for (const Differences& differences : kDifferences) {
    if (differences.kind != kind) continue;
    if (to == kOldApiVersion) {
      to_v1alpha1(result, differences);
    } else {
      to_v1beta1(result, differences);
    }
  }
  return result;
}

}  // namespace rage::apis
