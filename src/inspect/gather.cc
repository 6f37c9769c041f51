#include "inspect/gather.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "apis/kinds.h"
#include "base/strings.h"
#include "codec/uri.h"
#include "inspect/detail/operator_facts.h"

namespace rage::inspect {
namespace {

constexpr std::size_t kNamedMax = 200;
constexpr std::size_t kLogsMax = 10;
constexpr int kLogLines = 5;
constexpr std::size_t kLogBytesMax = 8 << 10;

ResourceType other(const char* group, const char* kind, const char* plural,
                   bool namespaced = true) {
  return {
      .group = group, .version = "v1", .kind = kind, .plural = plural, .namespaced = namespaced};
}

// Keeps what somebody looks at: a pod's volumes and commands are most of its text.
void trim(Json& object) {
  if (!object.is_object() || !object.contains("metadata")) return;
  Json& metadata = object["metadata"];
  metadata.erase("managedFields");
  if (metadata.contains("annotations") && metadata["annotations"].is_object()) {
    metadata["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
  }
  const std::string kind = kind_of(object);
  if (kind == "ConfigMap" || kind == "ControllerRevision") {
    object.erase("data");
    object.erase("binaryData");
  }
  if (kind == "CustomResourceDefinition" && object.contains("spec")) {
    for (Json& version : object["spec"]["versions"]) version.erase("schema");
  }
  if (kind == "Node" && object.contains("status")) object["status"].erase("images");
}

// One look. One thread.
class Gatherer final {
 public:
  Gatherer(const Context& context, kube::KubeClient& client, World& world)
      : context_(context), client_(client), world_(world) {}

  Result<void> list(const ResourceType& type, const std::string& ns,
                    std::string_view field_selector = {}) {
    std::vector<Json> items;
    const auto listed = client_.list(
        context_, type,
        {.ns = type.namespaced ? ns : "", .field_selector = std::string(field_selector)},
        [&](std::vector<Json> page) {
          for (Json& item : page) trim(item);
          std::ranges::move(page, std::back_inserter(items));
        });
    if (listed) {
      world_.documents[type.kind] = std::move(items);
      return {};
    }
    switch (listed.error().code) {
      case ErrorCode::kNotFound:
        world_.unknown_kinds.insert(type.kind);
        return {};
      case ErrorCode::kPermissionDenied:
        world_.unseen[type.plural] = listed.error().message;
        return {};
      default:
        return fail(listed.error());
    }
  }

  // Everywhere if that is allowed, else in `ns`.
  Result<void> list_wide(const ResourceType& type, const std::string& ns) {
    RETURN_IF_ERROR(list(type, ""));
    if (!world_.unseen.contains(type.plural) || ns.empty()) return {};
    return list(type, ns);
  }

 private:
  const Context& context_;
  kube::KubeClient& client_;
  World& world_;
};

std::vector<ResourceType> family_kinds() {
  return {apis::workspace_type(),
          apis::inference_set_type(),
          apis::rag_engine_type(),
          apis::model_mirror_type(),
          apis::multi_role_inference_type(),
          apis::auto_indexer_type(),
          apis::builtin_type("StatefulSet"),
          apis::builtin_type("Deployment"),
          other("apps", "ReplicaSet", "replicasets"),
          apis::builtin_type("Job"),
          apis::builtin_type("CronJob")};
}

std::vector<ResourceType> belonging_kinds() {
  return {apis::builtin_type("Service"),
          apis::builtin_type("ConfigMap"),
          apis::builtin_type("PersistentVolumeClaim"),
          apis::builtin_type("ControllerRevision"),
          apis::builtin_type("Event"),
          apis::builtin_type("InferencePool"),
          apis::builtin_type("NodeClaim")};
}

Result<void> gather_doctors_kinds(Gatherer& gatherer, const std::string& ns) {
  RETURN_IF_ERROR(gatherer.list_wide(apis::builtin_type("Pod"), ns));
  for (const ResourceType& type :
       {apis::builtin_type("PersistentVolumeClaim"), apis::builtin_type("Event"),
        apis::builtin_type("NodeClaim"), apis::builtin_type("Node"),
        other("", "ResourceQuota", "resourcequotas"),
        apis::builtin_type("CustomResourceDefinition"),
        apis::builtin_type("ValidatingWebhookConfiguration"),
        other("storage.k8s.io", "StorageClass", "storageclasses", false)}) {
    RETURN_IF_ERROR(gatherer.list(type, ns));
  }
  return gatherer.list(apis::builtin_type("Lease"), "",
                       fmt::format("metadata.name={}", detail::kOperatorLease));
}

const ResourceType& type_of(const Reference& reference) {
  return apis::builtin_type(reference.kind);  // Secret, ConfigMap, Service.
}

std::set<std::string> data_keys(const Json& object) {
  std::set<std::string> keys;
  for (const std::string_view part : {"data", "binaryData"}) {
    for (const auto& [key, value] : map_at(object, {part}).items()) keys.insert(key);
  }
  return keys;
}

// Of containers that ended badly and wait to be started again.
std::vector<std::pair<ObjectKey, std::string>> failing_containers(
    const std::vector<const Json*>& objects) {
  std::vector<std::pair<ObjectKey, std::string>> failing;
  for (const Json* pod : objects) {
    if (kind_of(*pod) != "Pod") continue;
    for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
      for (const Json& status : list_at(*pod, {"status", list})) {
        const bool waits = text_at(status, {"state", "waiting", "reason"}) == "CrashLoopBackOff";
        if (!waits && int_at(status, {"state", "terminated", "exitCode"}) == 0) continue;
        failing.emplace_back(apis::parse_meta(*pod).key(), text_at(status, {"name"}));
      }
    }
  }
  if (failing.size() > kLogsMax) failing.resize(kLogsMax);
  return failing;
}

}  // namespace

Result<World> gather(const Context& context, kube::KubeClient& client, const std::string& ns,
                     Scope scope) {
  World world;
  Gatherer gatherer(context, client, world);
  for (const ResourceType& type : family_kinds()) RETURN_IF_ERROR(gatherer.list(type, ns));
  if (scope == Scope::kDoctor) {
    RETURN_IF_ERROR(gather_doctors_kinds(gatherer, ns));
    return world;
  }
  RETURN_IF_ERROR(gatherer.list(apis::builtin_type("Pod"), ns));
  if (scope == Scope::kFamily) return world;
  for (const ResourceType& type : belonging_kinds()) RETURN_IF_ERROR(gatherer.list(type, ns));
  return world;
}

Result<void> gather_named(const Context& context, kube::KubeClient& client,
                          const std::vector<const Json*>& objects, World& world) {
  std::vector<Reference> wanted;
  for (const Json* object : objects)
    std::ranges::move(references_of(*object), std::back_inserter(wanted));
  for (const Json& configuration : world.of("ValidatingWebhookConfiguration")) {
    std::ranges::move(detail::webhook_services(configuration), std::back_inserter(wanted));
  }
  for (const Json& definition : world.of("CustomResourceDefinition")) {
    std::ranges::move(detail::webhook_services(definition), std::back_inserter(wanted));
  }
  for (const Reference& reference : wanted) {
    if (world.named.contains(reference) || world.named.size() >= kNamedMax) continue;
    const auto object = client.get(context, type_of(reference), reference.key);
    if (object) {
      world.named[reference] = data_keys(*object);
      // What it selects is looked at, too.
      if (reference.kind == "Service" && world.find("Service", reference.key) == nullptr) {
        world.documents["Service"].push_back(*object);
      }
    } else if (object.error().code == ErrorCode::kNotFound) {
      world.named[reference] = std::nullopt;
    } else if (object.error().code == ErrorCode::kPermissionDenied) {
      world.unseen[type_of(reference).plural] = object.error().message;
    } else if (object.error().code != ErrorCode::kInvalidArgument) {
      return fail(object.error());
    }
  }
  for (const auto& [pod, container] : failing_containers(objects)) {
    auto log = client.get_raw(
        context,
        log_path(pod, {.container = container, .previous = true, .tail_lines = kLogLines}));
    if (!log) {
      log =
          client.get_raw(context, log_path(pod, {.container = container, .tail_lines = kLogLines}));
    }
    if (!log) continue;  // A log that is gone explains nothing, and hides nothing else.
    if (log->size() > kLogBytesMax) log->erase(0, log->size() - kLogBytesMax);
    world.logs[fmt::format("{}/{}", pod.str(), container)] = *std::move(log);
  }
  return {};
}

std::string log_path(const ObjectKey& pod, const LogQuery& query) {
  std::string path = kube::resource_path(apis::builtin_type("Pod"), pod.ns, pod.name, "log");
  path += fmt::format("?container={}", codec::percent_encode(query.container));
  if (query.follow) path += "&follow=true";
  if (query.previous) path += "&previous=true";
  if (query.timestamps) path += "&timestamps=true";
  if (query.tail_lines >= 0) path += fmt::format("&tailLines={}", query.tail_lines);
  if (query.since_seconds > 0) path += fmt::format("&sinceSeconds={}", query.since_seconds);
  return path;
}

}  // namespace rage::inspect
