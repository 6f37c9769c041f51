#include <span>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "kubeobjects/resource.h"

namespace rage::kubeobjects {
namespace {

enum Traits : unsigned {
  kPlain = 0,
  kCluster = 1,  // Not in a namespace.
  kStatus = 2,
  kScale = 4,
  kGeneration = 8,
  kByUpdate = 16,
};

struct Row {
  const char* group;
  const char* type;  // "core.v1.Pod"
  const char* plural;
  unsigned traits;
  const char* short_names;
  const char* categories;
  const char* columns;  // "Name Ready:string IP:string:1"
  const char* fields = "";
};

constexpr const char* kApps = "apps";
constexpr const char* kRbac = "rbac.authorization.k8s.io";
constexpr const char* kAdmission = "admissionregistration.k8s.io";
constexpr unsigned kWorkload = kStatus | kScale | kGeneration;

// clang-format off
constexpr Row kRows[] = {
    {"", "core.v1.ConfigMap", "configmaps", kPlain, "cm", "", "Name Data Age"},
    {"", "core.v1.Endpoints", "endpoints", kByUpdate, "ep", "", "Name Endpoints Age"},
    {"", "core.v1.Event", "events", kByUpdate, "ev", "",
     "Last_Seen Type Reason Object Subobject:string:1 Source:string:1 Message "
     "First_Seen:string:1 Count:string:1 Name:string:1",
     "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid "
     "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath reason "
     "reportingComponent source type"},
    {"", "core.v1.Namespace", "namespaces", kCluster | kStatus, "ns", "", "Name Status Age",
     "status.phase"},
    {"", "core.v1.Node", "nodes", kCluster | kStatus, "no", "",
     "Name Status Roles Age Version Internal-IP:string:1 External-IP:string:1 OS-Image:string:1 "
     "Kernel-Version:string:1 Container-Runtime:string:1", "spec.unschedulable"},
    {"", "core.v1.PersistentVolume", "persistentvolumes", kCluster | kStatus, "pv", "",
     "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass "
     "Reason Age VolumeMode:string:1"},
    {"", "core.v1.PersistentVolumeClaim", "persistentvolumeclaims", kStatus, "pvc", "",
     "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age "
     "VolumeMode:string:1"},
    {"", "core.v1.Pod", "pods", kStatus | kGeneration, "po", "all",
     "Name Ready Status Restarts Age IP:string:1 Node:string:1 Nominated_Node:string:1 "
     "Readiness_Gates:string:1",
     "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName "
     "spec.hostNetwork status.phase status.podIP status.nominatedNodeName"},
    {"", "core.v1.Secret", "secrets", kPlain, "", "", "Name Type Data Age", "type"},
    {"", "core.v1.ServiceAccount", "serviceaccounts", kPlain, "sa", "", "Name Age"},
    {"", "core.v1.Service", "services", kStatus | kByUpdate, "svc", "all",
     "Name Type Cluster-IP External-IP Port(s) Age Selector:string:1", "spec.clusterIP spec.type"},
    {kAdmission, "admissionregistration.v1.MutatingWebhookConfiguration",
     "mutatingwebhookconfigurations", kCluster | kGeneration, "", "api-extensions",
     "Name Webhooks:integer Age"},
    {kAdmission, "admissionregistration.v1.ValidatingWebhookConfiguration",
     "validatingwebhookconfigurations", kCluster | kGeneration, "", "api-extensions",
     "Name Webhooks:integer Age"},
    {"apiextensions.k8s.io", "apiextensions.v1.CustomResourceDefinition",
     "customresourcedefinitions", kCluster | kStatus | kGeneration, "crd crds", "api-extensions",
     "Name Created_At:date"},
    {kApps, "apps.v1.ControllerRevision", "controllerrevisions", kPlain, "", "",
     "Name Controller Revision Age"},
    {kApps, "apps.v1.DaemonSet", "daemonsets", kStatus | kGeneration, "ds", "all",
     "Name Desired:integer Current:integer Ready:integer Up-to-date:integer Available:integer "
     "Node_Selector Age Containers:string:1 Images:string:1 Selector:string:1"},
    {kApps, "apps.v1.Deployment", "deployments", kWorkload, "deploy", "all",
     "Name Ready Up-to-date Available Age Containers:string:1 Images:string:1 Selector:string:1"},
    {kApps, "apps.v1.ReplicaSet", "replicasets", kWorkload, "rs", "all",
     "Name Desired:integer Current:integer Ready:integer Age Containers:string:1 Images:string:1 "
     "Selector:string:1", "status.replicas"},
    {kApps, "apps.v1.StatefulSet", "statefulsets", kWorkload, "sts", "all",
     "Name Ready Age Containers:string:1 Images:string:1"},
    {"batch", "batch.v1.CronJob", "cronjobs", kStatus | kGeneration, "cj", "all",
     "Name Schedule Timezone Suspend:boolean Active:integer Last_Schedule Age "
     "Containers:string:1 Images:string:1 Selector:string:1"},
    {"batch", "batch.v1.Job", "jobs", kStatus | kGeneration, "", "all",
     "Name Status Completions Duration Age Containers:string:1 Images:string:1 Selector:string:1",
     "status.successful"},
    {"coordination.k8s.io", "coordination.v1.Lease", "leases", kByUpdate, "", "",
     "Name Holder Age"},
    {"discovery.k8s.io", "discovery.v1.EndpointSlice", "endpointslices", kGeneration, "", "",
     "Name AddressType Ports Endpoints Age"},
    {"policy", "policy.v1.PodDisruptionBudget", "poddisruptionbudgets", kStatus | kGeneration,
     "pdb", "", "Name Min_Available Max_Unavailable Allowed_Disruptions:integer Age"},
    {kRbac, "rbac.v1.ClusterRoleBinding", "clusterrolebindings", kCluster | kByUpdate, "", "",
     "Name Role Age Users:string:1 Groups:string:1 ServiceAccounts:string:1"},
    {kRbac, "rbac.v1.ClusterRole", "clusterroles", kCluster | kByUpdate, "", "",
     "Name Created_At:date"},
    {kRbac, "rbac.v1.RoleBinding", "rolebindings", kByUpdate, "", "",
     "Name Role Age Users:string:1 Groups:string:1 ServiceAccounts:string:1"},
    {kRbac, "rbac.v1.Role", "roles", kByUpdate, "", "", "Name Created_At:date"},
    {"storage.k8s.io", "storage.v1.StorageClass", "storageclasses", kCluster, "sc", "",
     "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age"},
};
// clang-format on

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) found.emplace_back(word);
  }
  return found;
}

std::vector<Column> parse_columns(std::string_view text) {
  std::vector<Column> columns;
  for (const std::string& word : words(text)) {
    const auto parts = split(word, ':');
    Column column{.name = std::string(parts[0]),
                  .type = parts.size() > 1 ? std::string(parts[1]) : "string"};
    for (char& c : column.name) c = c == '_' ? ' ' : c;
    column.priority = parts.size() > 2 ? 1 : 0;
    if (column.name == "Name" && columns.empty()) column.format = "name";
    columns.push_back(std::move(column));
  }
  return columns;
}

ResourcePtr resource_of(const Row& row) {
  auto resource = std::make_shared<Resource>();
  resource->group = row.group;
  const auto parts = split(row.type, '.');
  resource->version = parts[1];
  resource->kind = parts[2];
  resource->plural = row.plural;
  resource->singular = to_lower_ascii(resource->kind);
  resource->list_kind = resource->kind + "List";
  resource->namespaced = (row.traits & kCluster) == 0;
  resource->short_names = words(row.short_names);
  resource->categories = words(row.categories);
  resource->has_status = (row.traits & kStatus) != 0;
  resource->has_generation = (row.traits & kGeneration) != 0;
  resource->created_by_update = (row.traits & kByUpdate) != 0;
  if ((row.traits & kScale) != 0) {
    resource->scale = std::make_unique<ScalePaths>(ScalePaths{
        .replicas = "spec.replicas", .status_replicas = "status.replicas", .selector = {}});
  }
  const Json* type = find_builtin_type(row.type);
  CHECK(type != nullptr);
  resource->schema = SchemaView(type);
  resource->storage_version = resource->version;
  resource->columns = parse_columns(row.columns);
  resource->field_labels = words(row.fields);
  return resource;
}

}  // namespace

const std::vector<ResourcePtr>& builtin_resources() {
  static const std::vector<ResourcePtr> resources = [] {
    std::vector<ResourcePtr> made;
    for (const Row& row : kRows) made.push_back(resource_of(row));
    return made;
  }();
  return resources;
}

}  // namespace rage::kubeobjects
