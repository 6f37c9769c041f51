#include "cluster/detail/builtin_fields.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

constexpr std::int64_t kGraceSeconds = 30;

Json condition(const char* type, const char* reason, const char* message, const std::string& now) {
  Json json = Json::object();
  json["lastTransitionTime"] = now;
  json["message"] = message;
  json["reason"] = reason;
  json["status"] = "True";
  json["type"] = type;
  return json;
}

std::string rfc3339(WallTime time) {
  const std::time_t seconds = unix_seconds(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

void keep_service_address(const Json& live, Json& service,
                          const std::function<std::string()>& free_address) {
  Json& spec = service["spec"];
  if (codec::string_or(spec, "type", "") == "ExternalName") return;
  if (codec::string_or(spec, "clusterIP", "").empty()) {
    const Json* before = live.is_null() ? nullptr : codec::find_key(live, "spec");
    std::string kept = before ? codec::string_or(*before, "clusterIP", "") : "";
    spec["clusterIP"] = kept.empty() ? free_address() : std::move(kept);
  }
  if (!spec.contains("ipFamilies")) spec["ipFamilies"] = Json::array({"IPv4"});
  if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  if (!spec.contains("clusterIPs")) spec["clusterIPs"] = Json::array({spec["clusterIP"]});
}

void complete_pod(Json& pod) {
  Json& spec = pod["spec"];
  if (codec::string_or(spec, "serviceAccountName", "").empty()) {
    spec["serviceAccountName"] = "default";
  }
  if (!spec.contains("serviceAccount")) {
    Json account = spec["serviceAccountName"];  // A new key moves its siblings.
    spec["serviceAccount"] = std::move(account);
  }
  if (!spec.contains("preemptionPolicy")) spec["preemptionPolicy"] = "PreemptLowerPriority";
  if (!spec.contains("priority")) spec["priority"] = 0;
}

void establish(const Json& live, Json& crd, const std::string& now) {
  const Json* before = live.is_null() ? nullptr : codec::find_key(live, "status");
  Json& status = crd["status"];
  status = before != nullptr ? *before : Json::object();
  status["acceptedNames"] = crd["spec"]["names"];
  if (!status.contains("conditions")) {
    status["conditions"] = Json::array();
    status["conditions"].push_back(
        condition("NamesAccepted", "NoConflicts", "no conflicts found", now));
    status["conditions"].push_back(condition("Established", "InitialNamesAccepted",
                                             "the initial names have been accepted", now));
  }
  if (!status.contains("storedVersions")) status["storedVersions"] = Json::array();
  const Json* versions = codec::find_key(crd["spec"], "versions");
  for (const Json& version : versions != nullptr ? *versions : Json::array()) {
    const Json* storage = codec::find_key(version, "storage");
    const Json name = codec::string_or(version, "name", "");
    if (storage == nullptr || *storage != true) continue;
    if (std::ranges::count(status["storedVersions"], name) == 0) {
      status["storedVersions"].push_back(name);
    }
  }
  Json& metadata = crd["metadata"];
  if (metadata.contains("deletionTimestamp")) return;
  if (!metadata.contains("finalizers")) metadata["finalizers"] = Json::array();
  if (std::ranges::count(metadata["finalizers"], Json(kInstancesFinalizer)) == 0) {
    metadata["finalizers"].push_back(kInstancesFinalizer);
  }
}

void wait_for_node(const kubeobjects::Resource& resource,
                   const kubeobjects::DeletionRequest& request, WallTime now,
                   kubeobjects::Written& written) {
  if (resource.kind != "Pod" || !resource.group.empty() || !written.finished) return;
  const Json* spec = codec::find_key(written.object, "spec");
  if (spec == nullptr || codec::string_or(*spec, "nodeName", "").empty()) return;
  const auto own = codec::number_or(*spec, "terminationGracePeriodSeconds", kGraceSeconds);
  const std::int64_t grace = request.grace_seconds.value_or(static_cast<std::int64_t>(own));
  const Json* status = codec::find_key(written.object, "status");
  const std::string phase = status ? codec::string_or(*status, "phase", "") : "";
  if (grace == 0 || phase == "Succeeded" || phase == "Failed") return;
  written.finished = false;
  Json& metadata = written.object["metadata"];
  if (metadata.contains("deletionTimestamp")) {
    written.unchanged = true;
    return;
  }
  metadata["deletionTimestamp"] = rfc3339(now + std::chrono::seconds(grace));
  metadata["deletionGracePeriodSeconds"] = grace;
}

bool returns_deleted(const kubeobjects::Resource& resource) {
  constexpr auto kReturned =
      std::to_array<std::string_view>({"Pod", "Service", "ServiceAccount", "PersistentVolume",
                                       "PersistentVolumeClaim", "Namespace", "StorageClass"});
  const bool builtin = resource.group.empty() || resource.group == "storage.k8s.io";
  return builtin && std::ranges::count(kReturned, resource.kind) > 0;
}

Error version_too_large(std::uint64_t wanted, std::int64_t current) {
  return kubeobjects::status_error(
      {.http_status = 504,
       .reason = "Timeout",
       .causes = {{.reason = "ResourceVersionTooLarge",
                   .message = "Too large resource version",
                   .field = ""}},
       .retry_after_seconds = 1},
      fmt::format("Timeout: Too large resource version: {}, current: {}", wanted, current));
}

Error namespace_terminating(const kubeobjects::Resource& resource, std::string_view name,
                            std::string_view ns) {
  kubeobjects::StatusFacts facts{.http_status = 403,
                                 .reason = "Forbidden",
                                 .name = std::string(name),
                                 .group = resource.group,
                                 .kind = resource.plural};
  facts.causes = {{.reason = "NamespaceTerminating",
                   .message = fmt::format("namespace {} is being terminated", ns),
                   .field = "metadata.namespace"}};
  return kubeobjects::status_error(
      facts, fmt::format("{} \"{}\" is forbidden: unable to create new content in namespace {} "
                         "because it is being terminated",
                         resource.qualified(), name, ns));
}

}  // namespace rage::cluster::detail
