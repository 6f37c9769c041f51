#include "operator/detail/model_mirror_job.h"

#include <algorithm>

#include "apis/kinds.h"
#include "base/strings.h"
#include "operator/detail/bounded_name.h"
#include "operator/detail/json_path.h"
#include "operator/detail/node_conditions.h"
#include "operator/detail/secure_pod.h"
#include "operator/model_mirror_plan.h"
#include "operator/workspace_plan.h"

namespace rage::op {
namespace detail {
namespace {

constexpr int kRetriesOfAJob = 3;
constexpr int kKeptSeconds = 3600;

Json labels_of(const apis::ModelMirror& mirror) {
  return {{std::string(kModelMirrorLabel), mirror.meta.name}};
}

Json environment(const apis::ModelMirror& mirror) {
  Json env = Json::array(
      {{{"name", "MODEL_ID"}, {"value", mirror.model_id}}, {{"name", "HOME"}, {"value", "/tmp"}}});
  if (!mirror.access_secret.empty()) {
    env.push_back(
        {{"name", "HF_TOKEN"},
         {"valueFrom",
          {{"secretKeyRef",
            {{"name", mirror.access_secret}, {"key", "HF_TOKEN"}, {"optional", true}}}}}});
  }
  return env;
}

Json downloader(const apis::ModelMirror& mirror, const Settings& settings) {
  const Json amount = {{"cpu", settings.mirror_download_cpu},
                       {"memory", settings.mirror_download_memory}};
  Json container = {
      {"name", "downloader"},
      {"image", settings.rage_image},
      {"args", Json::array({"model", "pull", "hf://" + mirror.model_id, "--to",
                            mirrored_path(mirror.model_id), "--progress-address",
                            fmt::format("0.0.0.0:{}", kMirrorProgressPort)})},
      {"ports",
       Json::array(
           {{{"name", "metrics"}, {"containerPort", kMirrorProgressPort}, {"protocol", "TCP"}}})},
      {"env", environment(mirror)},
      {"resources", {{"requests", amount}, {"limits", amount}}},
      {"securityContext", secure_container_context()},
      // What went wrong is then in the pod's status, where the controller reads it.
      {"terminationMessagePolicy", "FallbackToLogsOnError"}};
  container["volumeMounts"] = Json::array(
      {{{"name", "models"}, {"mountPath", "/models"}}, {{"name", "tmp"}, {"mountPath", "/tmp"}}});
  return container;
}

}  // namespace

ObjectKey mirror_job(const apis::ModelMirror& mirror) {
  return {.ns = mirror.job_namespace, .name = bounded_name(mirror.meta.name, "-download")};
}

Json render_mirror_claim(const apis::ModelMirror& mirror) {
  Json claim = object_of(apis::builtin_type("PersistentVolumeClaim"), mirror_claim(mirror));
  claim["metadata"]["labels"] = labels_of(mirror);
  claim["spec"] = {{"accessModes", Json::array({"ReadWriteMany"})},
                   {"storageClassName", mirror.storage_class},
                   {"resources", {{"requests", {{"storage", mirror.size}}}}}};
  return claim;
}

Json render_mirror_job(const apis::ModelMirror& mirror, std::string_view claim_uid,
                       const Settings& settings) {
  Json job = object_of(apis::builtin_type("Job"), mirror_job(mirror));
  job["metadata"]["labels"] = labels_of(mirror);
  job["metadata"]["annotations"] = {{std::string(kClaimUid), claim_uid}};
  Json labels = labels_of(mirror);
  Json pod = {{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              // What is cut off is continued by the next one.
              {"terminationGracePeriodSeconds", 5},
              {"securityContext", secure_pod_context()}};
  if (!mirror.service_account.empty()) {
    pod["serviceAccountName"] = mirror.service_account;
    labels["azure.workload.identity/use"] = "true";
  }
  pod["containers"] = Json::array({downloader(mirror, settings)});
  pod["volumes"] = Json::array(
      {{{"name", "models"}, {"persistentVolumeClaim", {{"claimName", mirror_claim(mirror).name}}}},
       {{"name", "tmp"}, {"emptyDir", Json::object()}}});
  job["spec"] = {
      {"backoffLimit", kRetriesOfAJob},
      {"ttlSecondsAfterFinished", kKeptSeconds},
      {"template", {{"metadata", {{"labels", std::move(labels)}}}, {"spec", std::move(pod)}}}};
  return job;
}

JobState state_of(const Json& job) {
  const auto has = [&](std::string_view type) {
    const Json* condition = find_condition_json(job, type);
    return condition != nullptr && text_at(*condition, {"status"}) == "True";
  };
  if (has("Complete")) return JobState::kSucceeded;
  return has("Failed") ? JobState::kFailed : JobState::kActive;
}

std::string end_of(const Json& job) {
  for (const std::string_view type : {"Complete", "Failed"}) {
    const Json* condition = find_condition_json(job, type);
    if (condition != nullptr) return text_at(*condition, {"lastTransitionTime"});
  }
  return {};
}

DownloadFailure describe_failure(const std::vector<Json>& pods) {
  DownloadFailure failure;
  if (const auto problem = diagnose_pods(pods)) {
    failure.message = problem->message;
    if (problem->reason == "ContainerOOMKilled") {
      failure.reason = "DownloadOOMKilled";
    } else if (problem->reason == "PodEvicted" || problem->reason == "NodeDiskPressure" ||
               problem->reason == "NodeMemoryPressure") {
      failure.reason = "DownloadEvicted";
    }
    return failure;
  }
  // The last one that ended tells most; names have no order, times do.
  std::string latest;
  for (const Json& pod : pods) {
    for (const Json& container : list_at(pod, {"status", "containerStatuses"})) {
      const Json* ended = find_path(container, {"state", "terminated"});
      if (ended == nullptr || int_at(*ended, {"exitCode"}) == 0) continue;
      const std::string time = text_at(*ended, {"finishedAt"});
      if (time < latest) continue;
      latest = time;
      std::string message = text_at(*ended, {"message"});
      while (message.ends_with('\n')) message.pop_back();
      if (message.empty()) message = fmt::format("exit code {}", int_at(*ended, {"exitCode"}));
      failure.message = shortened(std::move(message));
    }
  }
  return failure;
}

}  // namespace detail

std::string downloading_pod(const std::vector<Json>& pods) {
  std::string name;
  for (const Json& pod : pods) {
    const ObjectMeta meta = apis::parse_meta(pod);
    if (meta.deleting || detail::text_at(pod, {"status", "phase"}) != "Running") continue;
    name = std::max(name, meta.name);
  }
  return name;
}

std::optional<DownloadProgress> parse_download_progress(std::string_view metrics) {
  constexpr double kSensible = 1e15;
  std::optional<double> speed;
  std::optional<double> remaining;
  for (const std::string_view line : split(metrics, '\n')) {
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos || line.starts_with('#')) continue;
    const auto value = parse_double(line.substr(space + 1));
    if (!value || !(*value >= -1 && *value <= kSensible)) continue;
    const std::string_view name = line.substr(0, space);
    if (name == "model_mirror_download_speed_bytes_per_second") speed = value;
    if (name == "model_mirror_download_remaining_seconds") remaining = value;
  }
  if (!speed || !remaining) return std::nullopt;
  return DownloadProgress{.bytes_per_second = static_cast<std::int64_t>(std::max(*speed, 0.0)),
                          .remaining_seconds = static_cast<std::int64_t>(*remaining)};
}

}  // namespace rage::op
