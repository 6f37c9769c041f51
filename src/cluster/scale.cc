#include "cluster/detail/scale.h"

#include <utility>

#include "base/strings.h"
#include "kubeobjects/selectors.h"
#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

const Json* find_at(const Json& object, std::string_view path) {
  const Json* at = &object;
  for (const std::string_view key : split(path, '.')) {
    at = at == nullptr ? nullptr : codec::find_key(*at, key);
  }
  return at;
}

std::int64_t number_at_path(const Json& object, std::string_view path) {
  const Json* found = path.empty() ? nullptr : find_at(object, path);
  return found != nullptr && found->is_number() ? found->get<std::int64_t>() : 0;
}

std::string selector_of(const kubeobjects::Resource& resource, const Json& object) {
  if (resource.origin == kubeobjects::SchemaOrigin::kCustom) {
    const Json* text =
        resource.scale->selector.empty() ? nullptr : find_at(object, resource.scale->selector);
    return text != nullptr && text->is_string() ? text->get<std::string>() : "";
  }
  const Json* selector = find_at(object, "spec.selector");
  return selector == nullptr ? "" : kubeobjects::selector_text(*selector);
}

}  // namespace

Result<Json> render_scale(const kubeobjects::Resource& resource, const Json& object) {
  if (!resource.scale) return fail(kubeobjects::no_such_resource());
  Json metadata = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const Json* value = codec::find_key(object["metadata"], key)) metadata[key] = *value;
  }
  Json scale = Json::object();
  scale["kind"] = "Scale";
  scale["apiVersion"] = "autoscaling/v1";
  scale["metadata"] = std::move(metadata);
  scale["spec"] = Json::object();
  if (const auto replicas = number_at_path(object, resource.scale->replicas); replicas != 0) {
    scale["spec"]["replicas"] = replicas;
  }
  scale["status"] = Json::object();
  scale["status"]["replicas"] = number_at_path(object, resource.scale->status_replicas);
  const std::string selector = selector_of(resource, object);
  if (!selector.empty()) scale["status"]["selector"] = selector;
  return scale;
}

Result<Json> with_scale(const kubeobjects::Resource& resource, const Json& live,
                        const Json& scale) {
  if (!resource.scale) return fail(kubeobjects::no_such_resource());
  const std::int64_t replicas = number_at_path(scale, "spec.replicas");
  if (replicas < 0) {
    return fail(kubeobjects::invalid(
        "autoscaling", "Scale", codec::string_or(live["metadata"], "name", ""),
        {{.reason = "FieldValueInvalid",
          .message = fmt::format("Invalid value: {}: must be greater than or equal to 0", replicas),
          .field = "spec.replicas"}}));
  }
  Json wanted = live;
  Json* at = &wanted;
  for (const std::string_view key : split(resource.scale->replicas, '.')) {
    at = &(*at)[std::string(key)];
  }
  *at = replicas;
  const Json* const version = find_at(scale, "metadata.resourceVersion");
  if (version != nullptr && *version != "") wanted["metadata"]["resourceVersion"] = *version;
  return wanted;
}

}  // namespace rage::cluster::detail
