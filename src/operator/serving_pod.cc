#include "operator/detail/serving_pod.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"
#include "operator/detail/serving_adapters.h"
#include "operator/detail/serving_shell.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kCudaToolkit = "/opt/kaito/cuda/129";
constexpr std::string_view kSidecarImage =
    "mcr.microsoft.com/oss/v2/llm-d/llm-d-routing-sidecar:v0.8.0";
constexpr int kServerPortBehindSidecar = 5001;

Json field_env(std::string_view name, std::string_view path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

Json plain_env(std::string_view name, std::string_view value) {
  return {{"name", name}, {"value", value}};
}

Json environment(const ServingRequest& request, Json adapter_environment) {
  Json env = Json::array();
  const catalog::VllmSettings& vllm = request.model->vllm;
  env.push_back(plain_env("VLLM_USE_FLASHINFER_SAMPLER", "0"));
  env.push_back(plain_env("VLLM_USE_DEEP_GEMM", vllm.deep_gemm ? "1" : "0"));
  if (vllm.needs_cuda_toolkit) env.push_back(plain_env("CUDA_HOME", kCudaToolkit));
  if (const std::string path = local_weights_path(request); !path.empty())
    env.push_back(plain_env("KAITO_PROCESSOR", path));
  const MirroredWeights* weights = request.weights;
  if (weights != nullptr && !weights->streamed())
    env.push_back(plain_env("KAITO_PROCESSOR", weights->model));
  if (const std::string role = inference_role(request); !role.empty()) {
    env.push_back(plain_env("KAITO_INFERENCE_ROLE", role));
    env.push_back(field_env("VLLM_NIXL_SIDE_CHANNEL_HOST", "status.podIP"));
  }
  append(env, model_token_env(request));
  if (weights != nullptr && weights->streamed()) {
    env.push_back(plain_env("AZURE_STORAGE_ACCOUNT_NAME", weights->storage_account));
    env.push_back(plain_env("KAITO_PROCESSOR", request.model->id));
  }
  append(env, std::move(adapter_environment));
  if (is_multi_node(request)) {
    env.push_back(field_env("POD_INDEX", "metadata.labels['apps.kubernetes.io/pod-index']"));
  }
  return env;
}

// Volumes of a preset's pod and where the main container mounts them, in upstream's order.
struct Storage {
  Json volumes = Json::array();
  Json mounts = Json::array();

  void add(std::string_view name, std::string_view path, Json source) {
    add_mount({{"name", name}, {"mountPath", path}});
    source["name"] = name;
    volumes.push_back(std::move(source));
  }
  void add_host_path(std::string_view name, std::string_view path, std::string_view type) {
    volumes.push_back({{"name", name}, {"hostPath", {{"path", path}, {"type", type}}}});
    add_mount({{"name", name}, {"mountPath", path}, {"readOnly", true}});
  }
  void add_mount(Json mount) { mounts.push_back(std::move(mount)); }
};

void add_mirror(const MirroredWeights& weights, Storage& storage) {
  if (weights.streamed()) return;
  const Json claim = {{"claimName", weights.claim}, {"readOnly", true}};
  storage.volumes.push_back({{"name", "model-mirror"}, {"persistentVolumeClaim", claim}});
  storage.add_mount({{"name", "model-mirror"}, {"mountPath", "/models"}, {"readOnly", true}});
}

Storage preset_storage(const ServingRequest& request) {
  Storage storage;
  const std::string& config = inference_of(request).config;
  if (!config.empty())
    storage.add("config-volume", "/mnt/config", {{"configMap", {{"name", config}}}});
  if (request.weights != nullptr) {
    add_mirror(*request.weights, storage);
  } else if (const std::string path = local_weights_path(request); !path.empty()) {
    storage.add_host_path("model-weights-hostpath", path, "Directory");
  } else if (wants_weights_claim(request)) {
    storage.add_mount({{"name", kWeightsVolume}, {"mountPath", "/workspace/weights"}});
  } else {
    storage.add(kWeightsVolume, "/workspace/weights", {{"emptyDir", Json::object()}});
  }
  if (request.model->vllm.needs_cuda_toolkit)
    storage.add_host_path("cuda-toolkit-hostpath", kCudaToolkit, "DirectoryOrCreate");
  storage.volumes.push_back(shared_memory_volume());
  storage.add_mount({{"name", "dshm"}, {"mountPath", "/dev/shm"}});
  return storage;
}

Json cuda_provisioner(const ServingRequest& request) {
  return {{"name", "cuda-toolkit-provisioner"},
          {"image", request.settings.base_image()},
          {"command",
           shell_command(fmt::format("flock {0} /workspace/cuda-provision.sh {0}", kCudaToolkit))},
          {"volumeMounts",
           Json::array({{{"name", "cuda-toolkit-hostpath"}, {"mountPath", kCudaToolkit}}})}};
}

// Takes requests on the service port, fetches the prefill elsewhere, hands on to our server.
Json routing_sidecar() {
  const Json port = {{"name", "sidecar"}, {"containerPort", kServicePort}, {"protocol", "TCP"}};
  return {{"name", "llm-d-routing-sidecar"},
          {"image", kSidecarImage},
          {"args", Json::array({fmt::format("--port={}", kServicePort),
                                fmt::format("--vllm-port={}", kServerPortBehindSidecar),
                                "--secure-proxy=false"})},
          {"ports", Json::array({port})},
          {"env", Json::array({field_env("POD_IP", "status.podIP"),
                               field_env("VLLM_NIXL_SIDE_CHANNEL_HOST", "status.podIP")})}};
}

Json container_ports(const ServingRequest& request) {
  Json ports = Json::array(
      {{{"name", "http"}, {"containerPort", server_port(request)}, {"protocol", "TCP"}}});
  if (runtime_of(request) == Runtime::kVllm) {
    ports.push_back({{"name", "kv-events"}, {"containerPort", kKvEventsPort}, {"protocol", "TCP"}});
  }
  return ports;
}

Result<void> check_preset(const ServingRequest& request) {
  if (request.model == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "preset '{}' is not known", preset_name(request));
  }
  if (runtime_of(request) == Runtime::kTransformers && !request.model->transformers_runtime) {
    return fail(ErrorCode::kInvalidArgument,
                "{} cannot be served by the transformers runtime; remove the annotation "
                "kaito.sh/runtime to use vLLM",
                request.model->id);
  }
  if (request.gpu.gpus <= 0) {
    return fail(ErrorCode::kFailedPrecondition,
                "no GPU is known for the pods of {}; on CPU nodes set the annotation "
                "kaito.sh/runtime: llamacpp",
                request.model->id);
  }
  const std::string path = local_weights_path(request);
  if (path.ends_with("/.") || path.ends_with("/..")) {
    return fail(ErrorCode::kInvalidArgument, "no weights can be kept in {}", path);
  }
  return check_adapters(inference_of(request).adapters);
}

Json container_of(const ServingRequest& request, Json adapter_environment, Json mounts) {
  Json main = {{"name", request.workspace.meta.name},
               {"image", request.settings.base_image()},
               {"command", shell_command(container_script(request))},
               {"ports", container_ports(request)},
               {"env", environment(request, std::move(adapter_environment))},
               {"resources", gpu_resources(request)},
               {"volumeMounts", std::move(mounts)}};
  add_probes(request, main);
  return main;
}

}  // namespace

Result<Json> preset_pod(const ServingRequest& request) {
  RETURN_IF_ERROR(check_preset(request));
  AdapterParts adapters = adapter_parts(inference_of(request).adapters);
  Storage storage = preset_storage(request);
  append(storage.volumes, std::move(adapters.volumes));
  append(storage.mounts, std::move(adapters.mounts));

  Json init = Json::array();
  if (request.model->vllm.needs_cuda_toolkit) init.push_back(cuda_provisioner(request));
  append(init, std::move(adapters.init_containers));

  Json pod;
  if (!init.empty()) pod["initContainers"] = std::move(init);
  pod["containers"] = Json::array();
  pod["containers"].push_back(
      container_of(request, std::move(adapters.environment), std::move(storage.mounts)));
  if (is_decode(request)) pod["containers"].push_back(routing_sidecar());
  pod["volumes"] = std::move(storage.volumes);
  Json secrets = image_pull_secrets(adapters.pull_secrets);
  if (!secrets.empty()) pod["imagePullSecrets"] = std::move(secrets);
  Json affinity = node_affinity(request);
  if (!affinity.is_null()) pod["affinity"] = std::move(affinity);
  pod["tolerations"] = tolerations(request);
  if (request.weights != nullptr && request.weights->streamed())
    pod["serviceAccountName"] = request.weights->service_account;
  return pod;
}

Json model_token_env(const ServingRequest& request) {
  const std::optional<apis::Preset>& preset = inference_of(request).preset;
  if (!preset || preset->model_access_secret.empty()) return Json::array();
  const Json reference = {
      {"name", preset->model_access_secret}, {"key", "HF_TOKEN"}, {"optional", true}};
  return Json::array({{{"name", "HF_TOKEN"}, {"valueFrom", {{"secretKeyRef", reference}}}}});
}

Json gpu_resources(const ServingRequest& request) {
  std::string resource = "nvidia.com/gpu";
  int count = request.gpu.gpus;
  const std::optional<apis::Partition>& partition = request.workspace.resource.partition;
  if (!request.gpu.mig_profile.empty()) {
    resource = "nvidia.com/mig-" + request.gpu.mig_profile;
    count = 1;
  } else if (partition && partition->mode == apis::PartitionMode::kAccelerator) {
    count = partition->count.value_or(count);
  }
  const Json amount = {{resource, std::to_string(count)}};
  return {{"limits", amount}, {"requests", amount}};
}

Json shared_memory_volume() {
  return {{"name", "dshm"}, {"emptyDir", {{"medium", "Memory"}}}};
}

int server_port(const ServingRequest& request) {
  return is_decode(request) ? kServerPortBehindSidecar : kServicePort;
}

}  // namespace rage::op::detail
