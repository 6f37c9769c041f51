#include "kubeobjects/resource.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

const Json* find_path(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* at = &value;
  for (const std::string_view key : path) {
    at = at == nullptr ? nullptr : codec::find_key(*at, key);
  }
  return at;
}

bool flag(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::vector<std::string> texts(const Json* list) {
  std::vector<std::string> found;
  for (const Json& item : list != nullptr && list->is_array() ? *list : Json::array()) {
    if (item.is_string()) found.push_back(item.get<std::string>());
  }
  return found;
}

std::string without_dot(std::string path) {
  return path.starts_with('.') ? path.substr(1) : path;
}

// metadata is typed whatever a CRD says of it.
std::shared_ptr<const Json> complete_schema(const Json* stated) {
  Json schema = stated != nullptr && stated->is_object() ? *stated : Json::object();
  if (!schema.contains("type")) schema["type"] = "object";
  Json meta = Json::object();
  meta["$ref"] = "meta.v1.ObjectMeta";
  Json text = Json::object();
  text["type"] = "string";
  if (!schema.contains("properties")) schema["properties"] = Json::object();
  schema["properties"]["apiVersion"] = text;
  schema["properties"]["kind"] = text;
  schema["properties"]["metadata"] = std::move(meta);
  return std::make_shared<const Json>(std::move(schema));
}

std::vector<Column> columns_of(const Json& version) {
  std::vector<Column> columns{{.name = "Name", .type = "string", .format = "name"}};
  const Json* stated = codec::find_key(version, "additionalPrinterColumns");
  if (stated == nullptr) {
    columns.push_back({.name = "Age", .type = "date", .json_path = ".metadata.creationTimestamp"});
    return columns;
  }
  for (const Json& column : *stated) {
    columns.push_back({.name = codec::string_or(column, "name", ""),
                       .type = codec::string_or(column, "type", "string"),
                       .json_path = codec::string_or(column, "jsonPath", ""),
                       .priority = static_cast<int>(codec::number_or(column, "priority", 0)),
                       .format = codec::string_or(column, "format", "")});
  }
  return columns;
}

std::unique_ptr<ScalePaths> scale_of(const Json& version) {
  const Json* scale = find_path(version, {"subresources", "scale"});
  if (scale == nullptr) return nullptr;
  return std::make_unique<ScalePaths>(
      ScalePaths{.replicas = without_dot(codec::string_or(*scale, "specReplicasPath", "")),
                 .status_replicas = without_dot(codec::string_or(*scale, "statusReplicasPath", "")),
                 .selector = without_dot(codec::string_or(*scale, "labelSelectorPath", ""))});
}

ResourcePtr resource_of(const Json& spec, const Json& names, const Json& version,
                        const std::string& storage_version) {
  auto resource = std::make_shared<Resource>();
  resource->group = codec::string_or(spec, "group", "");
  resource->version = codec::string_or(version, "name", "");
  resource->kind = codec::string_or(names, "kind", "");
  resource->plural = codec::string_or(names, "plural", "");
  resource->singular = codec::string_or(names, "singular", to_lower_ascii(resource->kind));
  resource->list_kind = codec::string_or(names, "listKind", resource->kind + "List");
  resource->namespaced = codec::string_or(spec, "scope", "") == "Namespaced";
  resource->short_names = texts(codec::find_key(names, "shortNames"));
  resource->categories = texts(codec::find_key(names, "categories"));
  resource->has_status = find_path(version, {"subresources", "status"}) != nullptr;
  resource->has_generation = true;
  resource->scale = scale_of(version);
  resource->origin = SchemaOrigin::kCustom;
  resource->schema_owner = complete_schema(find_path(version, {"schema", "openAPIV3Schema"}));
  resource->schema = SchemaView(resource->schema_owner.get());
  resource->storage_version = storage_version;
  resource->columns = columns_of(version);
  if (const Json* fields = codec::find_key(version, "selectableFields")) {
    for (const Json& field : *fields) {
      resource->field_labels.push_back(without_dot(codec::string_or(field, "jsonPath", "")));
    }
  }
  if (flag(version, "deprecated")) {
    resource->deprecation = codec::string_or(
        version, "deprecationWarning",
        fmt::format("{}/{} {} is deprecated", resource->group, resource->version, resource->kind));
  }
  return resource;
}

std::vector<Cause> crd_problems(const Json& crd) {
  std::vector<Cause> causes;
  const auto require = [&](bool holds, const char* field) {
    if (holds) return;
    causes.push_back({.reason = "FieldValueRequired", .message = "Required value", .field = field});
  };
  const Json* spec = codec::find_key(crd, "spec");
  const Json* names = spec == nullptr ? nullptr : codec::find_key(*spec, "names");
  require(spec != nullptr, "spec");
  require(names != nullptr, "spec.names");
  if (!causes.empty()) return causes;
  const std::string plural = codec::string_or(*names, "plural", "");
  const std::string group = codec::string_or(*spec, "group", "");
  require(!group.empty(), "spec.group");
  require(!plural.empty(), "spec.names.plural");
  require(!codec::string_or(*names, "kind", "").empty(), "spec.names.kind");
  const Json* metadata = codec::find_key(crd, "metadata");
  const std::string name = metadata ? codec::string_or(*metadata, "name", "") : "";
  if (causes.empty() && name != fmt::format("{}.{}", plural, group)) {
    causes.push_back({.reason = "FieldValueInvalid",
                      .message = fmt::format("Invalid value: \"{}\": must be spec.names.plural+"
                                             "\".\"+spec.group",
                                             name),
                      .field = "metadata.name"});
  }
  const Json* versions = codec::find_key(*spec, "versions");
  const auto stored = [](const Json& version) { return flag(version, "storage"); };
  if (versions == nullptr || !versions->is_array() ||
      std::ranges::count_if(*versions, stored) != 1) {
    causes.push_back({.reason = "FieldValueInvalid",
                      .message = "Invalid value: must have exactly one version marked as storage "
                                 "version",
                      .field = "spec.versions"});
  }
  return causes;
}

}  // namespace

Result<std::vector<ResourcePtr>> resources_of_crd(const Json& crd) {
  std::vector<Cause> causes = crd_problems(crd);
  if (!causes.empty()) {
    const Json* metadata = codec::find_key(crd, "metadata");
    return fail(invalid("apiextensions.k8s.io", "CustomResourceDefinition",
                        metadata ? codec::string_or(*metadata, "name", "") : "",
                        std::move(causes)));
  }
  const Json& spec = crd["spec"];
  std::string storage_version;
  for (const Json& version : spec["versions"]) {
    if (flag(version, "storage")) storage_version = codec::string_or(version, "name", "");
  }
  std::vector<ResourcePtr> resources;
  for (const Json& version : spec["versions"]) {
    if (!flag(version, "served")) continue;
    resources.push_back(resource_of(spec, spec["names"], version, storage_version));
  }
  return resources;
}

namespace {

// As Kubernetes ranks versions: v2 before v1 before v1beta2 before v1beta1 before v1alpha1.
std::tuple<int, std::uint64_t, std::uint64_t> rank_of(std::string_view version) {
  const auto number = [](std::string_view text) { return parse_uint(text).value_or(0); };
  if (!version.starts_with('v')) return {0, 0, 0};
  for (const auto& [word, level] : {std::pair{"beta", 2}, std::pair{"alpha", 1}}) {
    const std::size_t at = version.find(word);
    if (at == std::string_view::npos) continue;
    return {level, number(version.substr(1, at - 1)),
            number(version.substr(at + std::string_view(word).size()))};
  }
  return {3, number(version.substr(1)), 0};
}

}  // namespace

Registry::Registry(const std::vector<ResourcePtr>& custom) : resources_(builtin_resources()) {
  resources_.insert(resources_.end(), custom.begin(), custom.end());
}

ResourcePtr Registry::find(std::string_view group, std::string_view version,
                           std::string_view plural) const {
  const auto it = std::ranges::find_if(resources_, [&](const ResourcePtr& each) {
    return each->plural == plural && each->group == group && each->version == version;
  });
  return it == resources_.end() ? nullptr : *it;
}

ResourcePtr Registry::of_kind(std::string_view group, std::string_view version,
                              std::string_view kind) const {
  const auto it = std::ranges::find_if(resources_, [&](const ResourcePtr& each) {
    return each->kind == kind && each->group == group && each->version == version;
  });
  return it == resources_.end() ? nullptr : *it;
}

ResourcePtr Registry::of_storage_key(std::string_view key) const {
  ResourcePtr found;
  for (const ResourcePtr& each : resources_) {
    if (each->storage_key() != key) continue;
    if (!found || each->version == each->storage_version) found = each;
  }
  return found;
}

std::vector<std::pair<std::string, std::vector<std::string>>> Registry::groups() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  for (const ResourcePtr& each : resources_) {
    auto it =
        std::ranges::find_if(found, [&](const auto& group) { return group.first == each->group; });
    if (it == found.end()) it = found.insert(found.end(), {each->group, {}});
    if (std::ranges::count(it->second, each->version) == 0) it->second.push_back(each->version);
  }
  for (auto& [group, versions] : found) {
    std::ranges::sort(versions, [](const std::string& a, const std::string& b) {
      return rank_of(a) > rank_of(b);
    });
  }
  return found;
}

}  // namespace rage::kubeobjects
