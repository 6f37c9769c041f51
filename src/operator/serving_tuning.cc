// The Job that fine-tunes a model (LoRA, QLoRA) and, if asked, pushes the adapter as an image.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apis/kinds.h"
#include "base/check.h"
#include "base/strings.h"
#include "operator/detail/serving_adapters.h"
#include "operator/detail/serving_pod.h"
#include "operator/detail/serving_shell.h"

namespace rage::op {
namespace {

using detail::append;
using detail::shell_word;

constexpr std::string_view kPushConfig = "/etc/docker-config";
constexpr std::string_view kOrasImage = "mcr.microsoft.com/oss/v2/oras-project/oras:v1.2.3";
constexpr std::string_view kPusherImage = "ghcr.io/oras-project/oras:v1.2.2";
constexpr std::string_view kCurlImage = "curlimages/curl:8.11.1";
constexpr std::string_view kDataPath = "/mnt/data";
constexpr std::string_view kTargetModules =
    "k_proj,q_proj,v_proj,o_proj,gate_proj,down_proj,up_proj";

// Names come from the path alone, so a query string is no part of them; -f: no globbing of '?'.
constexpr std::string_view kDownloadScript = R"(set -euf
cd "$DATA_VOLUME_PATH"
for url in $DATA_URLS; do
  curl --fail --location --proto =http,https --proto-redir =http,https --retry 5 \
    --remote-name --url "$url"
done
)";

// Training that ends without a result ends the Job as well: it is seen in the shared process table.
constexpr std::string_view kPushScript = R"(set -eu
results={results}
seen=
until [ -f "$results/fine_tuning_completed.txt" ]; do
  if pgrep -f /workspace/tfs/fine_tuning.py >/dev/null; then
    seen=1
  elif [ -n "$seen" ] && [ ! -f "$results/fine_tuning_completed.txt" ]; then
    echo "training ended without a result" >&2
    exit 1
  fi
  sleep 10
done
work=$(mktemp -d)
mkdir "$work/data"
cp "$results/adapter_config.json" "$results/adapter_model.safetensors" "$work/data/"
cd "$work"
tar -cf layer.tar data
diff=$(sha256sum layer.tar | cut -d' ' -f1)
gzip layer.tar
rootfs="{{\"type\":\"layers\",\"diff_ids\":[\"sha256:$diff\"]}}"
echo "{{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":$rootfs}}" >config.json
oras push --config config.json:application/vnd.oci.image.config.v1+json \
  --annotation sh.kaito.model.name={model} {image} \
  layer.tar.gz:application/vnd.oci.image.layer.v1.tar+gzip
)";

std::string method_of(const apis::TuningSpec& tuning) {
  return to_lower_ascii(tuning.method);
}

// Where the training writes; also a mount point, so it must be one below /mnt and no other's.
Result<std::string> output_directory(const ServingRequest& request) {
  std::string directory = request.tuning_output_dir;
  if (directory.empty())
    directory = request.workspace.tuning->config.empty() ? "/mnt/results" : "/mnt/output";
  const std::string normal = std::filesystem::path(directory).lexically_normal().string();
  std::string_view path = normal;
  if (path.ends_with('/')) path.remove_suffix(1);
  const bool taken = path == kDataPath || path == "/mnt/config";
  if (!path.starts_with("/mnt/") || taken) {
    return fail(ErrorCode::kInvalidArgument,
                "output_dir '{}' of the training config is no folder of its own below /mnt",
                directory);
  }
  return std::string(path);
}

Result<void> check_tuning(const ServingRequest& request) {
  const apis::TuningSpec& tuning = *request.workspace.tuning;
  const std::string method = method_of(tuning);
  if (method != "lora" && method != "qlora") {
    return fail(ErrorCode::kInvalidArgument, "tuning.method '{}' is neither lora nor qlora",
                tuning.method);
  }
  if (request.model == nullptr || !request.model->tuning) {
    std::vector<std::string> names;
    for (const catalog::Model& model : catalog::models()) {
      if (model.tuning) names.push_back(model.id);
    }
    return fail(ErrorCode::kInvalidArgument, "'{}' cannot be tuned; these models can: {}",
                tuning.preset ? tuning.preset->name : "", join(names, ", "));
  }
  if (request.gpu.gpus <= 0) {
    return fail(ErrorCode::kFailedPrecondition, "no GPU is known for tuning {}", request.model->id);
  }
  const apis::DataSource& input = tuning.input;
  if (input.urls.empty() && input.image.empty() && !input.volume_source.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "tuning.input needs urls, an image or a volumeSource");
  }
  const apis::DataDestination& output = tuning.output;
  if (output.image.empty() && !output.volume_source.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "tuning.output needs an image or a volumeSource");
  }
  return {};
}

// With the registry of this installation: "${PRESET_REGISTRY_NAME}/kaito-phi-4:0.2.0".
std::string weights_image(const ServingRequest& request) {
  constexpr std::string_view kRegistry = "${PRESET_REGISTRY_NAME}";
  std::string image = request.model->tuning->oci_image;
  if (image.starts_with(kRegistry))
    image.replace(0, kRegistry.size(), request.settings.preset_registry);
  return image;
}

Json empty_volume(std::string_view name) {
  return {{"name", name}, {"emptyDir", Json::object()}};
}

Json mount(std::string_view name, std::string_view path) {
  return {{"name", name}, {"mountPath", path}};
}

struct TuningParts {
  Json volumes = Json::array();
  Json init_containers = Json::array();
  std::vector<std::string> pull_secrets;
};

void add_weights(const ServingRequest& request, TuningParts& parts) {
  parts.volumes.push_back(empty_volume(detail::kWeightsVolume));
  parts.init_containers.push_back(
      {{"name", "model-weights-downloader"},
       {"image", kOrasImage},
       {"command",
        Json::array({"oras", "pull", weights_image(request), "-o", "/workspace/weights"})},
       {"volumeMounts", Json::array({mount(detail::kWeightsVolume, "/workspace/weights")})}});
}

void add_data(const apis::DataSource& input, TuningParts& parts) {
  const Json mounts = Json::array({mount("data-volume", kDataPath)});
  if (input.volume_source.is_object()) {
    parts.volumes.push_back(detail::user_volume("data-volume", input.volume_source));
    return;
  }
  parts.volumes.push_back(empty_volume("data-volume"));
  if (!input.image.empty()) {
    detail::PullSecrets secrets = detail::pull_secret_parts("input", input.image_pull_secrets);
    append(parts.volumes, std::move(secrets.volumes));
    Json all_mounts = mounts;
    append(all_mounts, std::move(secrets.mounts));
    parts.init_containers.push_back(
        detail::image_puller("puller", input.image, kDataPath, std::move(all_mounts)));
    parts.pull_secrets = input.image_pull_secrets;
    return;
  }
  parts.init_containers.push_back(
      {{"name", "data-downloader"},
       {"image", kCurlImage},
       {"command", detail::shell_command(std::string(kDownloadScript))},
       {"env", Json::array({{{"name", "DATA_URLS"}, {"value", join(input.urls, " ")}},
                            {{"name", "DATA_VOLUME_PATH"}, {"value", kDataPath}}})},
       {"volumeMounts", mounts}});
}

Json trainer(const ServingRequest& request, std::string_view results) {
  Json env = Json::array();
  if (request.model->served_name.starts_with("phi-3"))
    env.push_back({{"name", "DEFAULT_TARGET_MODULES"}, {"value", kTargetModules}});
  env.push_back({{"name", "PYTORCH_CUDA_ALLOC_CONF"}, {"value", "expandable_segments:True"}});
  const Json port = {
      {"name", "http"}, {"containerPort", detail::kServicePort}, {"protocol", "TCP"}};
  return {
      {"name", request.workspace.meta.name},
      {"image", request.settings.base_image()},
      {"command", detail::shell_command(fmt::format(
                      "cd /workspace/tfs/ && python3 metrics_server.py & accelerate launch "
                      "--num_processes={} /workspace/tfs/fine_tuning.py",
                      request.gpu.gpus))},
      {"ports", Json::array({port})},
      {"env", std::move(env)},
      {"resources", detail::gpu_resources(request)},
      {"volumeMounts",
       Json::array({mount("dshm", "/dev/shm"), mount(detail::kWeightsVolume, "/workspace/weights"),
                    mount("config-volume", "/mnt/config"), mount("results-volume", results),
                    mount("data-volume", kDataPath)})}};
}

Json pusher(const ServingRequest& request, std::string_view results) {
  const apis::DataDestination& output = request.workspace.tuning->output;
  std::string script =
      fmt::format(kPushScript, fmt::arg("results", shell_word(results)),
                  fmt::arg("model", shell_word(request.model->served_name)),
                  fmt::arg("image", shell_word(detail::normalized_image(output.image))));
  Json mounts = Json::array({mount("results-volume", results)});
  if (!output.image_push_secret.empty()) {
    mounts.push_back({{"name", "push-secret"}, {"mountPath", kPushConfig}, {"readOnly", true}});
  }
  // oras looks for its credentials in $DOCKER_CONFIG/config.json.
  return {{"name", "pusher"},
          {"image", kPusherImage},
          {"command", detail::shell_command(std::move(script))},
          {"env", Json::array({{{"name", "DOCKER_CONFIG"}, {"value", kPushConfig}}})},
          {"volumeMounts", std::move(mounts)}};
}

Json push_secret_volume(const std::string& secret) {
  const Json item = {{"key", ".dockerconfigjson"}, {"path", "config.json"}};
  return {{"name", "push-secret"},
          {"secret", {{"secretName", secret}, {"items", Json::array({item})}}}};
}

void add_output(const ServingRequest& request, std::string_view results, Json& pod) {
  const apis::DataDestination& output = request.workspace.tuning->output;
  if (output.image.empty()) {
    pod["volumes"].push_back(detail::user_volume("results-volume", output.volume_source));
    return;
  }
  pod["volumes"].push_back(empty_volume("results-volume"));
  if (!output.image_push_secret.empty())
    pod["volumes"].push_back(push_secret_volume(output.image_push_secret));
  pod["containers"].push_back(pusher(request, results));
  pod["shareProcessNamespace"] = true;
}

Json tuning_pod(const ServingRequest& request, std::string_view results) {
  const apis::TuningSpec& tuning = *request.workspace.tuning;
  TuningParts parts;
  parts.volumes.push_back(detail::shared_memory_volume());
  add_weights(request, parts);
  parts.volumes.push_back(
      {{"name", "config-volume"}, {"configMap", {{"name", tuning_config_name(tuning)}}}});
  add_data(tuning.input, parts);
  if (!tuning.output.image_push_secret.empty())
    parts.pull_secrets.push_back(tuning.output.image_push_secret);

  Json pod;
  pod["restartPolicy"] = "Never";
  pod["automountServiceAccountToken"] = false;
  pod["initContainers"] = std::move(parts.init_containers);
  pod["containers"] = Json::array();
  pod["containers"].push_back(trainer(request, results));
  pod["volumes"] = std::move(parts.volumes);
  add_output(request, results, pod);
  Json secrets = detail::image_pull_secrets(parts.pull_secrets);
  if (!secrets.empty()) pod["imagePullSecrets"] = std::move(secrets);
  Json affinity = detail::node_affinity(request);
  if (!affinity.is_null()) pod["affinity"] = std::move(affinity);
  pod["tolerations"] = detail::tolerations(request);
  return pod;
}

}  // namespace

std::string tuning_config_name(const apis::TuningSpec& tuning) {
  return tuning.config.empty() ? method_of(tuning) + "-params-template" : tuning.config;
}

Result<Json> render_tuning_job(const ServingRequest& request) {
  CHECK(request.workspace.tuning.has_value());
  RETURN_IF_ERROR(check_tuning(request));
  ASSIGN_OR_RETURN(const std::string results, output_directory(request));
  const ObjectMeta& meta = request.workspace.meta;
  const Json labels = {{detail::kWorkspaceLabel, meta.name}};
  Json job = object_of(apis::builtin_type("Job"), meta.key());
  job["metadata"]["labels"] = labels;
  set_owner(job, apis::workspace_type(), meta);
  if (!request.revision.empty())
    job["metadata"]["annotations"][std::string(detail::kRevisionAnnotation)] = request.revision;
  job["spec"]["template"]["metadata"]["labels"] = labels;
  job["spec"]["template"]["spec"] = tuning_pod(request, results);
  return job;
}

}  // namespace rage::op
