// Command lines of the model servers. Flags of vLLM, in this order (each only when it applies):
//
//   served-model-name, max-model-len, gpu-memory-utilization, kv-events-config,
//   compilation-config.pass_config.fuse_allreduce_rms, enable-lora, model, revision,
//   code-revision, download-dir, load-format, model-loader-extra-config, kaito-config-file,
//   performance-mode,
//   kaito-kv-cache-cpu-memory-utilization, data-parallel-size, tensor-parallel-size,
//   pipeline-parallel-size, distributed-executor-backend, port, load_format, config_format,
//   tokenizer_mode, trust-remote-code, dtype, tool-call-parser, enable-auto-tool-choice,
//   reasoning-parser, chat-template, then the model's own flags by name.
#include <fmt/format.h>

#include "base/check.h"
#include "base/strings.h"
#include "operator/detail/serving_pod.h"
#include "operator/detail/serving_shell.h"

namespace rage::op {
namespace {

using detail::shell_word;

constexpr std::string_view kVllmProgram = "python3 /workspace/vllm/inference_api.py";
constexpr std::string_view kTransformersProgram =
    "accelerate launch --num_processes=1 --num_machines=1 --machine_rank=0 --gpu_ids=all "
    "/workspace/tfs/inference_api.py";

// Appends flags to a command line. Keys are ours or the catalogue's; values may be anybody's.
class CommandLine final {
 public:
  explicit CommandLine(std::string_view program) : text_(program) {}
  void set(std::string_view key, std::string_view value) {
    text_ += fmt::format(" --{}={}", key, shell_word(value));
  }
  void set(std::string_view key, int value) { set(key, std::to_string(value)); }
  void add(std::string_view key) { text_ += fmt::format(" --{}", key); }
  void set_unless_empty(std::string_view key, std::string_view value) {
    if (!value.empty()) set(key, value);
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

void add_general_flags(const ServingRequest& request, CommandLine& command) {
  command.set("served-model-name", detail::served_name(request));
  command.set("max-model-len", "auto");
  // An A10 has less to spare than its size says; the estimator reckons with the same figure.
  command.set("gpu-memory-utilization", request.gpu.model == "NVIDIA A10" ? "0.82" : "0.84");
  command.set("kv-events-config", R"({"enable_kv_cache_events":true})");
  command.set("compilation-config.pass_config.fuse_allreduce_rms", "False");
  if (!detail::inference_of(request).adapters.empty()) command.add("enable-lora");
}

// Files that are mounted are loaded as if they had been downloaded; a stream has its own loader.
void add_mirror_flags(const ServingRequest& request, CommandLine& command) {
  command.set("model", request.weights->model);
  if (!request.weights->streamed()) return;
  command.set("load-format", "runai_streamer");
  const auto kind = catalog::parallelism(*request.model, request.gpu, request.nodes);
  if (request.gpu.gpus > 1 && kind != catalog::Parallelism::kData) {
    command.set("model-loader-extra-config", R"({"distributed": true})");
  }
}

void add_weights_flags(const ServingRequest& request, CommandLine& command) {
  const std::string local = detail::local_weights_path(request);
  if (request.weights != nullptr) {
    add_mirror_flags(request, command);
  } else if (local.empty()) {
    command.set("model", request.model->id);
    // Code is downloaded beside the weights, and run: from the same commit.
    command.set_unless_empty("revision", request.model_revision);
    command.set_unless_empty("code-revision", request.model_revision);
    command.set("download-dir", "/workspace/weights");
  } else {
    command.set("model", local);
    command.set("load-format", "runai_streamer");
  }
  if (!detail::inference_of(request).config.empty())
    command.set("kaito-config-file", "/mnt/config/inference_config.yaml");
  // Only what the server knows: the annotation can be edited without being validated.
  const std::string mode = request.workspace.meta.annotation("kaito.sh/performance-mode");
  if (mode == "interactivity" || mode == "throughput") command.set("performance-mode", mode);
}

void add_parallelism_flags(const ServingRequest& request, CommandLine& command) {
  using catalog::Parallelism;
  const Parallelism kind = catalog::parallelism(*request.model, request.gpu, request.nodes);
  if (request.model->vllm.kv_offload_disabled || !request.gpu.mig_profile.empty() ||
      kind == Parallelism::kData || detail::is_multi_node(request)) {
    command.set("kaito-kv-cache-cpu-memory-utilization", 0);
  }
  if (kind == Parallelism::kData) {
    command.set("data-parallel-size", request.gpu.gpus);
    command.set("tensor-parallel-size", 1);
  } else {
    command.set("tensor-parallel-size", request.gpu.gpus);
  }
  if (detail::is_multi_node(request)) {
    command.set("pipeline-parallel-size", request.nodes);
    command.set("distributed-executor-backend", "ray");
  }
  if (detail::is_decode(request)) command.set("port", detail::server_port(request));
}

void add_model_flags(const ServingRequest& request, CommandLine& command) {
  const catalog::VllmSettings& vllm = request.model->vllm;
  // vLLM reads load_format and load-format as one flag, of which the last counts.
  const bool streamed = request.weights != nullptr && request.weights->streamed();
  if (detail::local_weights_path(request).empty() && !streamed) {
    command.set("load_format", vllm.load_format);
  }
  command.set("config_format", vllm.config_format);
  command.set("tokenizer_mode", vllm.tokenizer_mode);
  command.add("trust-remote-code");
  command.set("dtype", vllm.dtype);
  if (!vllm.tool_call_parser.empty()) {
    command.set("tool-call-parser", vllm.tool_call_parser);
    command.add("enable-auto-tool-choice");
  }
  command.set_unless_empty("reasoning-parser", vllm.reasoning_parser);
  if (!vllm.chat_template.empty())
    command.set("chat-template", "/workspace/chat_templates/" + vllm.chat_template);
  for (const auto& [key, value] : vllm.extra_flags) {
    if (value.empty()) {
      command.add(key);
    } else {
      command.set(key, value);
    }
  }
}

std::string vllm_command(const ServingRequest& request) {
  CommandLine command(kVllmProgram);
  add_general_flags(request, command);
  add_weights_flags(request, command);
  add_parallelism_flags(request, command);
  add_model_flags(request, command);
  return std::move(command).text();
}

std::string transformers_command(const ServingRequest& request) {
  CommandLine command(kTransformersProgram);
  command.set("served_model_name", request.model->served_name);
  const std::string local = detail::local_weights_path(request);
  command.set("pretrained_model_name_or_path", local.empty() ? request.model->id : local);
  if (local.empty()) command.set_unless_empty("revision", request.model_revision);
  for (const auto& [key, value] : request.model->transformers_params) {
    if (value.empty()) {
      command.add(key);
    } else {
      command.set(key, value);
    }
  }
  return std::move(command).text();
}

}  // namespace

std::string serving_command(const ServingRequest& request) {
  const Runtime runtime = detail::runtime_of(request);
  CHECK(request.model != nullptr || runtime == Runtime::kLlamaCpp);
  switch (runtime) {
    case Runtime::kVllm:
      return vllm_command(request);
    case Runtime::kTransformers:
      return transformers_command(request);
    case Runtime::kLlamaCpp: {
      std::vector<std::string> words = detail::llamacpp_arguments(request);
      for (std::string& word : words) word = shell_word(word);
      return join(words, " ");
    }
  }
  UNREACHABLE();
}

std::string detail::container_script(const ServingRequest& request) {
  const std::string command = serving_command(request);
  if (!is_multi_node(request)) return command;
  return fmt::format(
      "if [ \"${{POD_INDEX}}\" = \"0\" ]; then /workspace/vllm/multi-node-serving.sh leader "
      "--ray_cluster_size={} --ray_port={}; {}; else /workspace/vllm/multi-node-serving.sh worker "
      "--ray_address={} --ray_port={}; fi",
      request.nodes, kRayPort, command, shell_word(leader_address(request)), kRayPort);
}

}  // namespace rage::op
