#include "platform/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "inspect/documents.h"
#include "inspect/kinds.h"
#include "node/node_agent.h"
#include "platform/system_objects.h"

namespace rage::platform {
namespace {

using inspect::kind_of;
using inspect::list_at;
using inspect::text_at;

// In the order in which they are applied.
constexpr auto kKinds = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"", "Namespace"},
    {"", "ServiceAccount"},
    {"", "ConfigMap"},
    {"", "Secret"},
    {"", "PersistentVolumeClaim"},
    {"", "Service"},
    {"kaito.sh", "ModelMirror"},
    {"kaito.sh", "Workspace"},
    {"kaito.sh", "InferenceSet"},
    {"kaito.sh", "MultiRoleInference"},
    {"kaito.sh", "RAGEngine"},
    {"kaito.sh", "AutoIndexer"},
    {"gateway.networking.k8s.io", "GatewayClass"},
    {"gateway.networking.k8s.io", "Gateway"},
    {"gateway.networking.k8s.io", "HTTPRoute"},
    {"gateway.networking.k8s.io", "GRPCRoute"},
    {"gateway.networking.k8s.io", "ReferenceGrant"},
    {"inference.networking.k8s.io", "InferencePool"},
    {"llm-d.ai", "InferenceObjective"},
    {"llm-d.ai", "InferenceModelRewrite"},
    {"networking.istio.io", "DestinationRule"},
    {"apps", "Deployment"},
    {"apps", "StatefulSet"},
    {"batch", "Job"},
    {"batch", "CronJob"},
    {"argoproj.io", "Rollout"},
    {"argoproj.io", "WorkflowTemplate"},
    {"argoproj.io", "CronWorkflow"},
    {"cert-manager.io", "Certificate"},
    {"external-secrets.io", "ExternalSecret"},
});

// Who writes by itself: what nobody else wrote is not a person's.
constexpr auto kControllers = std::to_array<std::string_view>(
    {"rage-operator", "rage-node", "rage-controllers", "rage-gateway", "workloads"});

constexpr auto kMetadataKept =
    std::to_array<std::string_view>({"name", "namespace", "labels", "annotations"});

// Written by what runs here about what became of the object.
constexpr auto kLocalAnnotations = std::to_array<std::string_view>(
    {"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/",
     node::kSubstitutedModel, "pv.kubernetes.io/", "volume.kubernetes.io/", "workspace.kaito.io/",
     "inferenceset.kaito.io/", "ragengine.kaito.io/", "rage.dev/applied"});

std::string group_of(const Json& object) {
  const std::string version = text_at(object, {"apiVersion"});
  const std::size_t slash = version.find('/');
  return slash == std::string::npos ? "" : version.substr(0, slash);
}

bool has_person(const Json& object) {
  const Json& managers = list_at(object, {"metadata", "managedFields"});
  if (managers.empty()) return true;
  return std::ranges::any_of(managers, [](const Json& entry) {
    return std::ranges::count(kControllers, text_at(entry, {"manager"})) == 0;
  });
}

bool is_platforms(const Json& object) {
  const std::string kind = kind_of(object);
  const std::string ns = text_at(object, {"metadata", "namespace"});
  const std::string name = text_at(object, {"metadata", "name"});
  if (ns == kSystemNamespace || ns.starts_with("kube-")) return true;
  if (kind == "Namespace") {
    return name == kSystemNamespace || name == "default" || name.starts_with("kube-");
  }
  if (kind == "ServiceAccount") return name == "default";
  if (kind == "ConfigMap") return name == "kube-root-ca.crt";
  if (kind == "Service") return ns == "default" && name == "kubernetes";
  if (kind == "Secret") return text_at(object, {"type"}) == "kubernetes.io/service-account-token";
  return kind == "GatewayClass" &&
         text_at(object, {"spec", "controllerName"}) == kGatewayController;
}

Json metadata_of(const Json& object) {
  Json metadata = Json::object();
  for (const auto& [key, value] : inspect::map_at(object, {"metadata"}).items()) {
    if (std::ranges::count(kMetadataKept, key) > 0) metadata[key] = value;
  }
  if (!metadata.contains("annotations")) return metadata;
  Json kept = Json::object();
  for (const auto& [key, value] : metadata["annotations"].items()) {
    const bool local = std::ranges::any_of(
        kLocalAnnotations, [&](std::string_view prefix) { return key.starts_with(prefix); });
    if (!local) kept[key] = value;
  }
  metadata["annotations"] = kept;
  if (kept.empty()) metadata.erase("annotations");
  return metadata;
}

// What the cluster chose.
void forget_choices(const std::string& kind, Json& object) {
  if (!object.contains("spec") || !object["spec"].is_object()) return;
  Json& spec = object["spec"];
  if (kind == "Service") {
    if (codec::string_or(spec, "clusterIP", "") != "None") spec.erase("clusterIP");
    for (const char* key : {"clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"}) {
      spec.erase(key);
    }
    if (!spec.contains("ports") || !spec["ports"].is_array()) return;
    for (Json& port : spec["ports"]) port.erase("nodePort");
  }
  if (kind == "PersistentVolumeClaim") spec.erase("volumeName");
  if (kind == "Namespace") spec.erase("finalizers");
}

}  // namespace

std::optional<Json> exported(const Json& object) {
  const bool owned = !list_at(object, {"metadata", "ownerReferences"}).empty();
  const bool going = !text_at(object, {"metadata", "deletionTimestamp"}).empty();
  if (owned || going || is_platforms(object) || !has_person(object)) return std::nullopt;
  Json clean = {{"apiVersion", object["apiVersion"]}, {"kind", object["kind"]}};
  clean["metadata"] = metadata_of(object);
  for (const auto& [key, value] : object.items()) {
    if (key != "status" && !clean.contains(key)) clean[key] = value;
  }
  forget_choices(kind_of(object), clean);
  return clean;
}

bool is_exported_kind(const std::string& group, const std::string& kind, ExportSecrets secrets) {
  if (kind == "Secret" && secrets == ExportSecrets::kLeaveOut) return false;
  return std::ranges::any_of(
      kKinds, [&](const auto& known) { return known.first == group && known.second == kind; });
}

Result<std::vector<Json>> export_objects(const Context& context, kube::KubeClient& client,
                                         ExportSecrets secrets) {
  ASSIGN_OR_RETURN(const inspect::Kinds kinds, inspect::discover(context, client));
  std::vector<Json> objects;
  std::set<std::pair<std::string, std::string>> seen;  // A kind in several versions.
  for (const auto& [group, kind] : kKinds) {
    if (!is_exported_kind(std::string(group), std::string(kind), secrets)) continue;
    for (const inspect::KindInfo& info : kinds.all()) {
      if (info.type.group != group || info.type.kind != kind) continue;
      if (!seen.emplace(group, kind).second) continue;
      const auto take = [&](std::vector<Json> items) {
        for (Json& item : items) {
          const std::string version =
              group.empty() ? info.type.version : info.type.group + "/" + info.type.version;
          item["kind"] = info.type.kind;  // Lists leave them out.
          item["apiVersion"] = version;
          if (auto clean = exported(item)) objects.push_back(*std::move(clean));
        }
      };
      const auto listed = client.list(context, info.type, {.ns = ""}, take);
      if (!listed && listed.error().code != ErrorCode::kNotFound) return fail(listed.error());
    }
  }
  return objects;
}

std::string export_file_name(const Json& object) {
  const std::string ns = text_at(object, {"metadata", "namespace"});
  const std::string group = group_of(object);
  std::string name = to_lower_ascii(kind_of(object));
  if (!group.empty()) name += "." + group;
  if (!ns.empty()) name += "_" + ns;
  return fmt::format("{}_{}.yaml", name, text_at(object, {"metadata", "name"}));
}

}  // namespace rage::platform
