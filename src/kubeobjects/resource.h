// What kinds an API server serves: the built-in ones that are known beforehand, and those that
// CustomResourceDefinitions add. Source: Kubernetes API reference v1.36; apiextensions/v1.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kubeobjects/schema_check.h"
#include "kubeobjects/schema_view.h"

namespace rage::kubeobjects {

// A column of the table that `kubectl get` prints.
struct Column {
  std::string name;
  std::string type;
  std::string json_path = {};  // Empty: a built-in kind's, see the room that prints them.
  int priority = 0;            // 1: only with -o wide.
  std::string format = {};
};

// Where a kind's scale subresource finds its numbers, as paths of keys ("spec.replicas").
struct ScalePaths {
  std::string replicas;
  std::string status_replicas;
  std::string selector;  // Of a text; empty: none.
};

// Value, immutable once it is in a Registry: one kind in one version.
struct Resource {
  std::string group;
  std::string version;
  std::string kind;
  std::string plural;
  std::string singular;
  std::string list_kind;
  bool namespaced = true;
  std::vector<std::string> short_names = {};
  std::vector<std::string> categories = {};
  bool has_status = false;
  bool has_generation = false;
  bool created_by_update = false;  // A PUT may make it.
  std::unique_ptr<ScalePaths> scale = nullptr;
  SchemaOrigin origin = SchemaOrigin::kBuiltin;
  SchemaView schema = {};
  std::shared_ptr<const Json> schema_owner = nullptr;  // What `schema` looks at, of a CRD.
  std::string storage_version = {};
  std::vector<Column> columns = {};
  std::vector<std::string> field_labels = {};  // For field selectors, beside name and namespace.
  std::string deprecation = {};                // A warning for those who use it.

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // What objects of all its versions share: "apps/deployments".
  std::string storage_key() const { return group + "/" + plural; }
  std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
  std::string qualified_kind() const { return group.empty() ? kind : kind + "." + group; }
};
using ResourcePtr = std::shared_ptr<const Resource>;

// In the order of discovery.
const std::vector<ResourcePtr>& builtin_resources();

// The served versions that a CustomResourceDefinition adds. 422 if it does not make sense.
Result<std::vector<ResourcePtr>> resources_of_crd(const Json& crd);

// Value, immutable. Null where nothing fits.
class Registry final {
 public:
  Registry() : resources_(builtin_resources()) {}
  explicit Registry(const std::vector<ResourcePtr>& custom);

  ResourcePtr find(std::string_view group, std::string_view version, std::string_view plural) const;
  ResourcePtr of_kind(std::string_view group, std::string_view version,
                      std::string_view kind) const;
  // In any version, the stored one if it is served.
  ResourcePtr of_storage_key(std::string_view key) const;
  const std::vector<ResourcePtr>& all() const { return resources_; }
  // Groups and their versions, the preferred one first, in the order of discovery.
  std::vector<std::pair<std::string, std::vector<std::string>>> groups() const;

 private:
  std::vector<ResourcePtr> resources_;
};

}  // namespace rage::kubeobjects
