#include <fmt/format.h>

#include <utility>

#include "apis/kinds.h"
#include "operator/detail/auto_indexer_objects.h"
#include "operator/detail/bounded_name.h"
#include "operator/detail/secure_pod.h"

namespace rage::op::detail {
namespace {

constexpr const char* kCredentialsPath = "/etc/rage/credentials";
constexpr const char* kTerminationLog = "/dev/termination-log";
constexpr int kRunSecondsMax = 3600;
constexpr int kCleanupSecondsMax = 9 * 60;
constexpr int kRetries = 2;
constexpr int kExitActionNeeded = 3;  // Of `rage auto-index`: trying again would not help.
constexpr int kLateSecondsMax = 600;  // A run that could not start by then waits for its next turn.

Json labels_of(const apis::AutoIndexer& indexer) {
  return {{std::string(kAutoIndexerLabel), indexer.meta.name}};
}

std::string access_secret_of(const apis::AutoIndexer& indexer) {
  if (indexer.git) return indexer.git->access_secret;
  return indexer.http ? indexer.http->access_secret : "";
}

// "--name=value", so that no value is taken for an option; kubelet would put variables in for $(X).
std::string argument(std::string_view name, std::string_view value) {
  std::string text = fmt::format("--{}=", name);
  for (const char c : value) text += c == '$' ? std::string("$$") : std::string(1, c);
  return text;
}

Json common_arguments(const apis::AutoIndexer& indexer) {
  return Json::array(
      {"auto-index", argument("index", indexer.index_name),
       argument("owner", indexer.meta.key().str()),
       argument("server", fmt::format("http://{}.{}.svc", indexer.rag_engine, indexer.meta.ns)),
       argument("report", kTerminationLog)});
}

Json index_arguments(const apis::AutoIndexer& indexer) {
  Json arguments = common_arguments(indexer);
  if (indexer.git) {
    arguments.push_back(argument("git", indexer.git->url));
    arguments.push_back(argument("ref", indexer.git->ref));
    for (const auto& glob : indexer.git->paths) arguments.push_back(argument("include", glob));
    for (const auto& glob : indexer.git->exclude_paths) {
      arguments.push_back(argument("exclude", glob));
    }
  }
  if (indexer.http) {
    for (const auto& url : indexer.http->urls) arguments.push_back(argument("url", url));
  }
  arguments.push_back(argument("max-removed-percent", std::to_string(indexer.removed_percent_max)));
  if (indexer.deleted_documents == apis::Retention::kKeep) arguments.push_back("--keep-removed");
  if (!access_secret_of(indexer).empty()) {
    arguments.push_back(argument("credentials", kCredentialsPath));
  }
  return arguments;
}

Json render_pod(const apis::AutoIndexer& indexer, Json arguments, const Settings& settings,
                const std::string& secret) {
  Json container = {{"name", kIndexContainer},
                    {"image", settings.rage_image},
                    {"args", std::move(arguments)},
                    {"terminationMessagePath", kTerminationLog},
                    // What a crash leaves is better than nothing.
                    {"terminationMessagePolicy", "FallbackToLogsOnError"}};
  container["resources"] = {{"requests", {{"cpu", "100m"}, {"memory", "128Mi"}}},
                            {"limits", {{"memory", "1Gi"}}}};
  container["securityContext"] = secure_container_context();
  container["volumeMounts"] = Json::array({{{"name", "tmp"}, {"mountPath", "/tmp"}}});
  Json volumes = Json::array({{{"name", "tmp"}, {"emptyDir", {{"sizeLimit", "3Gi"}}}}});
  if (!secret.empty()) {
    container["volumeMounts"].push_back(
        {{"name", "credentials"}, {"mountPath", kCredentialsPath}, {"readOnly", true}});
    volumes.push_back(
        {{"name", "credentials"}, {"secret", {{"secretName", secret}, {"defaultMode", 0440}}}});
  }
  Json pod = {{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"securityContext", secure_pod_context()}};
  pod["containers"] = Json::array({std::move(container)});
  pod["volumes"] = std::move(volumes);
  return {{"metadata", {{"labels", labels_of(indexer)}}}, {"spec", std::move(pod)}};
}

Json job_spec(Json pod, int seconds_max) {
  Json give_up = {{"action", "FailJob"}};
  give_up["onExitCodes"] = {{"containerName", kIndexContainer},
                            {"operator", "In"},
                            {"values", Json::array({kExitActionNeeded})}};
  Json spec = {{"backoffLimit", kRetries}, {"activeDeadlineSeconds", seconds_max}};
  spec["podFailurePolicy"]["rules"] = Json::array({std::move(give_up)});
  spec["template"] = std::move(pod);
  return spec;
}

Json index_job_spec(const apis::AutoIndexer& indexer, const Settings& settings) {
  return job_spec(
      render_pod(indexer, index_arguments(indexer), settings, access_secret_of(indexer)),
      kRunSecondsMax);
}

Json owned_object(const apis::AutoIndexer& indexer, std::string_view kind, std::string name) {
  Json object =
      object_of(apis::builtin_type(kind), {.ns = indexer.meta.ns, .name = std::move(name)});
  object["metadata"]["labels"] = labels_of(indexer);
  set_owner(object, apis::auto_indexer_type(), indexer.meta);
  return object;
}

}  // namespace

std::string index_job_name(const apis::AutoIndexer& indexer) {
  return bounded_name(indexer.meta.name, fmt::format("-g{}", indexer.meta.generation));
}

std::string cleanup_job_name(const apis::AutoIndexer& indexer) {
  return bounded_name(indexer.meta.name, "-cleanup");
}

std::string cron_job_name(const apis::AutoIndexer& indexer) {
  constexpr std::string_view kTail = "-0123456789";
  const std::string longest = bounded_name(indexer.meta.name, "-index" + std::string(kTail));
  return longest.substr(0, longest.size() - kTail.size());
}

Json render_index_job(const apis::AutoIndexer& indexer, const Settings& settings) {
  Json job = owned_object(indexer, "Job", index_job_name(indexer));
  job["spec"] = index_job_spec(indexer, settings);
  return job;
}

Json render_cron_job(const apis::AutoIndexer& indexer, Paused paused, const Settings& settings) {
  Json cron = owned_object(indexer, "CronJob", cron_job_name(indexer));
  cron["spec"] = {{"schedule", indexer.schedule},
                  {"timeZone", "Etc/UTC"},
                  {"suspend", paused == Paused::kYes},
                  {"concurrencyPolicy", "Forbid"},
                  {"startingDeadlineSeconds", kLateSecondsMax},
                  {"successfulJobsHistoryLimit", 1},
                  {"failedJobsHistoryLimit", 1}};
  cron["spec"]["jobTemplate"] = {{"metadata", {{"labels", labels_of(indexer)}}},
                                 {"spec", index_job_spec(indexer, settings)}};
  return cron;
}

Json render_cleanup_job(const apis::AutoIndexer& indexer, const Settings& settings) {
  Json arguments = common_arguments(indexer);
  arguments.push_back("--remove-all");
  Json job = owned_object(indexer, "Job", cleanup_job_name(indexer));
  job["spec"] =
      job_spec(render_pod(indexer, std::move(arguments), settings, ""), kCleanupSecondsMax);
  return job;
}

}  // namespace rage::op::detail
