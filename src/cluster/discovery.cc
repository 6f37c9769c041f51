#include "cluster/discovery.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace rage::cluster {
namespace {

using kubeobjects::Resource;
using kubeobjects::ResourcePtr;

constexpr auto kVerbs = std::to_array<const char*>(
    {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"});
constexpr auto kSubresourceVerbs = std::to_array<const char*>({"get", "patch", "update"});

template <std::size_t N>
Json list_of(const std::array<const char*, N>& words) {
  Json list = Json::array();
  for (const char* word : words) list.push_back(word);
  return list;
}

Json object_of(std::initializer_list<std::pair<const char*, Json>> fields) {
  Json object = Json::object();
  for (const auto& [key, value] : fields) object[key] = value;
  return object;
}

std::string group_version(std::string_view group, std::string_view version) {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

Json version_entry(std::string_view group, std::string_view version) {
  return object_of({{"groupVersion", group_version(group, version)}, {"version", version}});
}

Json group_entry(const std::string& group, const std::vector<std::string>& versions) {
  Json list = Json::array();
  for (const std::string& version : versions) list.push_back(version_entry(group, version));
  return object_of({{"name", group},
                    {"versions", list},
                    {"preferredVersion", version_entry(group, versions.front())}});
}

Json resource_entry(const Resource& resource) {
  Json entry = object_of({{"name", resource.plural},
                          {"singularName", resource.singular},
                          {"namespaced", resource.namespaced},
                          {"kind", resource.kind},
                          {"verbs", list_of(kVerbs)}});
  if (!resource.short_names.empty()) entry["shortNames"] = resource.short_names;
  if (!resource.categories.empty()) entry["categories"] = resource.categories;
  return entry;
}

Json subresource_entry(const Resource& resource, const char* name) {
  const bool scale = std::string_view(name) == "scale";
  Json entry = object_of({{"name", fmt::format("{}/{}", resource.plural, name)},
                          {"singularName", ""},
                          {"namespaced", resource.namespaced}});
  if (scale) {
    entry["group"] = "autoscaling";
    entry["version"] = "v1";
  }
  entry["kind"] = scale ? "Scale" : resource.kind;
  entry["verbs"] = list_of(kSubresourceVerbs);
  return entry;
}

std::vector<const char*> subresources_of(const Resource& resource) {
  std::vector<const char*> names;
  if (resource.scale) names.push_back("scale");
  if (resource.has_status) names.push_back("status");
  return names;
}

Json kind_reference(std::string_view group, std::string_view version, std::string_view kind) {
  return object_of({{"group", group}, {"version", version}, {"kind", kind}});
}

Json aggregated_resource(const Resource& resource) {
  Json entry =
      object_of({{"resource", resource.plural},
                 {"responseKind", kind_reference(resource.group, resource.version, resource.kind)},
                 {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
                 {"singularResource", resource.singular},
                 {"verbs", list_of(kVerbs)}});
  if (!resource.short_names.empty()) entry["shortNames"] = resource.short_names;
  if (!resource.categories.empty()) entry["categories"] = resource.categories;
  Json subresources = Json::array();
  for (const char* name : subresources_of(resource)) {
    const bool scale = std::string_view(name) == "scale";
    subresources.push_back(object_of(
        {{"subresource", name},
         {"responseKind", scale ? kind_reference("autoscaling", "v1", "Scale")
                                : kind_reference(resource.group, resource.version, resource.kind)},
         {"verbs", list_of(kSubresourceVerbs)}}));
  }
  if (!subresources.empty()) entry["subresources"] = std::move(subresources);
  return entry;
}

}  // namespace

Json version_document() {
  return object_of({{"major", "1"},
                    {"minor", "36"},
                    {"gitVersion", "v1.36.3+rage"},
                    {"gitCommit", ""},
                    {"gitTreeState", "clean"},
                    {"buildDate", "1970-01-01T00:00:00Z"},
                    {"goVersion", "none"},
                    {"compiler", "clang"},
                    {"platform", "linux/amd64"}});
}

Json core_versions_document() {
  return object_of({{"kind", "APIVersions"},
                    {"versions", Json::array({"v1"})},
                    {"serverAddressByClientCIDRs", Json::array()}});
}

Json groups_document(const Registry& registry) {
  Json list = Json::array();
  for (const auto& [group, versions] : registry.groups()) {
    if (!group.empty()) list.push_back(group_entry(group, versions));
  }
  return object_of({{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", list}});
}

std::optional<Json> group_document(const Registry& registry, std::string_view group) {
  for (const auto& [name, versions] : registry.groups()) {
    if (name.empty() || name != group) continue;
    Json document = object_of({{"kind", "APIGroup"}, {"apiVersion", "v1"}});
    document.update(group_entry(name, versions));
    return document;
  }
  return std::nullopt;
}

std::optional<Json> resources_document(const Registry& registry, std::string_view group,
                                       std::string_view version) {
  Json list = Json::array();
  for (const ResourcePtr& resource : registry.all()) {
    if (resource->group != group || resource->version != version) continue;
    list.push_back(resource_entry(*resource));
    for (const char* name : subresources_of(*resource)) {
      list.push_back(subresource_entry(*resource, name));
    }
  }
  if (list.empty()) return std::nullopt;
  Json document = object_of({{"kind", "APIResourceList"}});
  if (!group.empty()) document["apiVersion"] = "v1";
  document["groupVersion"] = group_version(group, version);
  document["resources"] = std::move(list);
  return document;
}

Json aggregated_document(const Registry& registry, bool core) {
  Json items = Json::array();
  for (const auto& [group, versions] : registry.groups()) {
    if (group.empty() != core) continue;
    Json listed = Json::array();
    for (const std::string& version : versions) {
      Json resources = Json::array();
      for (const ResourcePtr& resource : registry.all()) {
        if (resource->group == group && resource->version == version) {
          resources.push_back(aggregated_resource(*resource));
        }
      }
      listed.push_back(
          object_of({{"version", version}, {"resources", resources}, {"freshness", "Current"}}));
    }
    Json metadata = Json::object();
    if (!group.empty()) metadata["name"] = group;
    items.push_back(object_of({{"metadata", metadata}, {"versions", listed}}));
  }
  return object_of({{"kind", "APIGroupDiscoveryList"},
                    {"apiVersion", "apidiscovery.k8s.io/v2"},
                    {"metadata", Json::object()},
                    {"items", items}});
}

}  // namespace rage::cluster
