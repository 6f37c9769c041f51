// OpenAPI v3 from the registry: enough for kubectl to validate on the server, to explain, and to
// know merge keys.
#include <set>
#include <utility>

#include "base/strings.h"
#include "cluster/discovery.h"

namespace rage::cluster {
namespace {

using kubeobjects::Resource;
using kubeobjects::ResourcePtr;
using kubeobjects::SchemaOrigin;

constexpr std::string_view kReference = "#/components/schemas/";

std::string path_of(std::string_view group, std::string_view version) {
  return group.empty() ? fmt::format("api/{}", version) : fmt::format("apis/{}/{}", group, version);
}

// References become OpenAPI's; what they name is collected.
Json with_references(const Json& node, std::set<std::string>& needed) {
  if (node.is_array()) {
    Json list = Json::array();
    for (const Json& item : node) list.push_back(with_references(item, needed));
    return list;
  }
  if (!node.is_object()) return node;
  Json result = Json::object();
  for (const auto& [key, value] : node.items()) {
    if (key == "$ref" && value.is_string()) {
      needed.insert(value.get<std::string>());
      Json reference = Json::object();
      reference["$ref"] = std::string(kReference) + value.get<std::string>();
      result["allOf"] = Json::array({reference});
    } else {
      result[key] = with_references(value, needed);
    }
  }
  return result;
}

void add_needed(Json& schemas, std::set<std::string> needed) {
  while (!needed.empty()) {
    const std::string name = *needed.begin();
    needed.erase(needed.begin());
    const Json* type = kubeobjects::find_builtin_type(name);
    if (type == nullptr || schemas.contains(name)) continue;
    schemas[name] = Json();  // Types refer to each other.
    std::set<std::string> more;
    schemas[name] = with_references(*type, more);
    needed.merge(more);
  }
}

Json kind_of(const Resource& resource) {
  Json kind = Json::object();
  kind["group"] = resource.group;
  kind["version"] = resource.version;
  kind["kind"] = resource.kind;
  return kind;
}

Json query_parameter(const char* name, const char* type) {
  Json parameter = Json::object();
  parameter["name"] = name;
  parameter["in"] = "query";
  parameter["schema"] = Json::object();
  parameter["schema"]["type"] = type;
  return parameter;
}

// What kubectl looks for: that fields can be validated and writes tried without effect.
Json operations_of(const Resource& resource) {
  Json item = Json::object();
  for (const char* verb : {"get", "put", "patch", "delete"}) {
    Json operation = Json::object();
    const std::string_view name = verb;
    operation["x-kubernetes-action"] = name == "put" ? "update" : verb;
    operation["x-kubernetes-group-version-kind"] = kind_of(resource);
    operation["parameters"] = Json::array();
    if (name == "put" || name == "patch") {
      for (const char* parameter : {"dryRun", "fieldManager", "fieldValidation"}) {
        operation["parameters"].push_back(query_parameter(parameter, "string"));
      }
    }
    operation["responses"] = Json::object();
    item[verb] = std::move(operation);
  }
  return item;
}

}  // namespace

std::string openapi_v2() {
  return "\n\0032.0";  // Field 1, a text of three bytes.
}

Json openapi_index(const Registry& registry) {
  Json paths = Json::object();
  for (const auto& [group, versions] : registry.groups()) {
    for (const std::string& version : versions) {
      const std::string path = path_of(group, version);
      paths[path] = Json::object();
      paths[path]["serverRelativeURL"] = "/openapi/v3/" + path;
    }
  }
  Json document = Json::object();
  document["paths"] = std::move(paths);
  return document;
}

std::optional<Json> openapi_document(const Registry& registry, std::string_view group,
                                     std::string_view version) {
  Json paths = Json::object();
  Json schemas = Json::object();
  std::set<std::string> needed;
  for (const ResourcePtr& resource : registry.all()) {
    if (resource->group != group || resource->version != version) continue;
    const std::string base = "/" + path_of(group, version);
    const char* scope = resource->namespaced ? "/namespaces/{namespace}" : "";
    paths[fmt::format("{}{}/{}/{{name}}", base, scope, resource->plural)] =
        operations_of(*resource);
    const bool builtin = resource->origin == SchemaOrigin::kBuiltin;
    const std::string name = fmt::format("{}.{}.{}", group, version, resource->kind);
    const Json* own = builtin ? nullptr : resource->schema_owner.get();
    std::string short_name = name;
    if (builtin) {
      const std::string_view first = split(group, '.').front();
      short_name = fmt::format("{}.{}.{}", first.empty() ? "core" : first, version, resource->kind);
      own = kubeobjects::find_builtin_type(short_name);
    }
    if (own == nullptr) continue;
    schemas[short_name] = with_references(*own, needed);
    schemas[short_name]["x-kubernetes-group-version-kind"] = Json::array({kind_of(*resource)});
  }
  if (paths.empty()) return std::nullopt;
  add_needed(schemas, std::move(needed));
  Json document = Json::object();
  document["openapi"] = "3.0.0";
  document["info"] = Json::object();
  document["info"]["title"] = "Kubernetes";
  document["info"]["version"] = "v1.36.3";
  document["paths"] = std::move(paths);
  document["components"] = Json::object();
  document["components"]["schemas"] = std::move(schemas);
  return document;
}

}  // namespace rage::cluster
