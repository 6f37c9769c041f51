#include "catalog/detail/vllm_rules.h"

#include <algorithm>
#include <span>

#include "base/is_one_of.h"

namespace rage::catalog::detail {
namespace {

// What a name begins with, or an architecture, and the value it selects.
struct Rule {
  std::string_view key;
  std::string_view value;
};

// clang-format off
constexpr Rule kReasoningByName[] = {
    {"deepseek-r1", "deepseek_r1"}, {"deepseek-v3", "deepseek_v3"}, {"deepseek-v4", "deepseek_v4"},
    {"ernie-4.5", "ernie45"}, {"gemma-4", "gemma4"}, {"glm-4.5", "glm45"},
    {"granite-3.2", "granite"}, {"holo2", "holo2"}, {"hunyuan-a13b", "hunyuan_a13b"},
    {"kimi-k2", "kimi_k2"}, {"laguna", "poolside_v1"}, {"mimo", "mimo"},
    {"minimax-m2", "minimax_m2_append_think"}, {"minimax-m3", "minimax_m3"}, {"mistral", "mistral"},
    {"olmo-3", "olmo3"}, {"qwen3", "qwen3"}, {"qwq-32b", "deepseek_r1"}, {"step3", "step3"},
};
constexpr Rule kReasoningByArchitecture[] = {
    {"DeepseekV3ForCausalLM", "deepseek_v3"}, {"Ernie4_5_MoeForCausalLM", "ernie45"},
    {"Ernie4_5_VLMoeForConditionalGeneration", "ernie45"},
    {"Gemma4ForConditionalGeneration", "gemma4"},
    {"Gemma4UnifiedForConditionalGeneration", "gemma4"}, {"Glm4MoeForCausalLM", "glm45"},
    {"GlmMoeDsaForCausalLM", "glm45"}, {"GptOssForCausalLM", "openai_gptoss"},
    {"GraniteForCausalLM", "granite"}, {"HYV3ForCausalLM", "hy_v3"},
    {"HunYuanMoEV1ForCausalLM", "hunyuan_a13b"}, {"KimiK25ForConditionalGeneration", "kimi_k2"},
    {"KimiK2ForCausalLM", "kimi_k2"}, {"LagunaForCausalLM", "poolside_v1"},
    {"MiMoForCausalLM", "mimo"}, {"MiniMaxM2ForCausalLM", "minimax_m2_append_think"},
    {"MiniMaxM3SparseForCausalLM", "minimax_m3"},
    {"MiniMaxM3SparseForConditionalGeneration", "minimax_m3"},
    {"Mistral3ForConditionalGeneration", "mistral"}, {"MistralForCausalLM", "mistral"},
    {"NemotronForCausalLM", "nemotron_v3"}, {"NemotronHForCausalLM", "nemotron_v3"},
    {"NemotronH_Nano_VL_V2", "nemotron_v3"}, {"OlmoForCausalLM", "olmo3"},
    {"Qwen3ForCausalLM", "qwen3"}, {"Qwen3MoeForCausalLM", "qwen3"},
    {"Qwen3_5ForConditionalGeneration", "qwen3"}, {"Qwen3_5MoeForConditionalGeneration", "qwen3"},
    {"Step3TextForCausalLM", "step3"}, {"Step3VLForConditionalGeneration", "step3"},
};
constexpr Rule kToolsByName[] = {
    {"ai21-jamba", "jamba"}, {"apertus", "apertus"}, {"deepseek-r1", "deepseek_v3"},
    {"deepseek-v3", "deepseek_v3"}, {"deepseek-v3.1", "deepseek_v31"},
    {"deepseek-v3.2", "deepseek_v32"}, {"deepseek-v4", "deepseek_v4"}, {"ernie-4.5", "ernie45"},
    {"gemma-3", "functiongemma"}, {"gemma-4", "gemma4"}, {"gigachat3", "gigachat3"},
    {"glm-4", "glm45"}, {"glm-4.7", "glm47"}, {"granite-3", "granite"}, {"granite-4", "granite4"},
    {"hermes-2", "hermes"}, {"hermes-3", "hermes"}, {"hunyuan-a13b", "hunyuan_a13b"},
    {"internlm", "internlm"}, {"kimi_k2", "kimi_k2"}, {"laguna", "poolside_v1"}, {"lfm2", "lfm2"},
    {"llama-xlama", "xlam"}, {"longcat", "longcat"}, {"meta-llama-3", "llama3_json"},
    {"meta-llama-4", "llama4_pythonic"}, {"mimo", "mimo"}, {"minimax-m2", "minimax_m2"},
    {"minimax-m3", "minimax_m3"}, {"mistral", "mistral"}, {"olmo-3", "olmo3"},
    {"phi4-mini", "phi4_mini_json"}, {"qwen2.5", "hermes"}, {"qwen3", "hermes"},
    {"qwen3-coder", "qwen3_xml"}, {"qwen3.5", "qwen3_coder"}, {"qwen3.6", "qwen3_coder"},
    {"qwen3.8", "qwen3_coder"}, {"qwq-32b", "hermes"}, {"seed-oss", "seed_oss"}, {"step3", "step3"},
    {"step3p5", "step3p5"}, {"xlam", "xlam"},
};
constexpr Rule kToolsByArchitecture[] = {
    {"ApertusForCausalLM", "apertus"}, {"DeepseekV32ForCausalLM", "deepseek_v32"},
    {"DeepseekV3ForCausalLM", "deepseek_v3"}, {"Ernie4_5_MoeForCausalLM", "ernie45"},
    {"Ernie4_5_VLMoeForConditionalGeneration", "ernie45"},
    {"GPTBigCodeForCausalLM", "granite-20b-fc"}, {"Gemma3ForCausalLM", "functiongemma"},
    {"Gemma4ForConditionalGeneration", "gemma4"},
    {"Gemma4UnifiedForConditionalGeneration", "gemma4"}, {"GigaChat3ForCausalLM", "gigachat3"},
    {"Glm47MoeForCausalLM", "glm47"}, {"Glm4MoeForCausalLM", "glm45"},
    {"GlmMoeDsaForCausalLM", "glm47"}, {"GptOssForCausalLM", "openai"},
    {"GraniteForCausalLM", "granite"}, {"GraniteMoeForCausalLM", "granite"},
    {"GraniteMoeHybridForCausalLM", "granite4"}, {"HYV3ForCausalLM", "hy_v3"},
    {"HunYuanMoEV1ForCausalLM", "hunyuan_a13b"}, {"InternLM2ForCausalLM", "internlm"},
    {"JambaForCausalLM", "jamba"}, {"KimiK25ForConditionalGeneration", "kimi_k2"},
    {"KimiK2ForCausalLM", "kimi_k2"}, {"LagunaForCausalLM", "poolside_v1"},
    {"Lfm2ForCausalLM", "lfm2"}, {"Lfm2MoeForCausalLM", "lfm2"},
    {"Llama4ForConditionalGeneration", "llama4_pythonic"}, {"LlamaForCausalLM", "llama3_json"},
    {"LongcatFlashForCausalLM", "longcat"}, {"MiMoForCausalLM", "mimo"},
    {"MiniMaxM2ForCausalLM", "minimax_m2"}, {"MiniMaxM3SparseForCausalLM", "minimax_m3"},
    {"MiniMaxM3SparseForConditionalGeneration", "minimax_m3"}, {"MistralForCausalLM", "mistral"},
    {"MistralLarge3ForCausalLM", "mistral"}, {"NemotronHForCausalLM", "qwen3_coder"},
    {"NemotronH_Nano_VL_V2", "qwen3_coder"}, {"Olmo3ForCausalLM", "olmo3"},
    {"Phi4MiniForCausalLM", "phi4_mini_json"}, {"Qwen2ForCausalLM", "hermes"},
    {"Qwen3ForCausalLM", "hermes"}, {"Qwen3MoeForCausalLM", "qwen3_xml"},
    {"Qwen3_5ForConditionalGeneration", "qwen3_coder"},
    {"Qwen3_5MoeForConditionalGeneration", "qwen3_coder"}, {"SeedOssForCausalLM", "seed_oss"},
    {"Step3TextForCausalLM", "step3"}, {"Step3p5TextForCausalLM", "step3p5"},
};
constexpr Rule kTemplateByName[] = {
    {"deepseek-r1", "tool-chat-deepseekr1.jinja"}, {"deepseek-v3", "tool-chat-deepseekv3.jinja"},
    {"gemma-4", "tool-chat-gemma4.jinja"}, {"llama-3", "tool-chat-llama3.1-json.jinja"},
    {"phi-4-mini", "tool-chat-phi4-mini.jinja"}, {"qwen2.5", "tool-chat-hermes.jinja"},
};
constexpr Rule kTokenizerByName[] = {
    {"deepseek-r1", "deepseek_v32"}, {"deepseek-v3", "deepseek_v32"},
    {"deepseek-v4", "deepseek_v4"},
};
constexpr Rule kCacheDtypeByName[] = {
    {"deepseek-v4", "fp8"}, {"glm-5.2-fp8", "fp8"},
};
constexpr Rule kGdnBackendByName[] = {
    {"qwen3.5", "triton"}, {"qwen3.6", "triton"}, {"qwen3.8", "triton"},
};
// clang-format on

// Their architecture is that of reasoning models; they are not.
constexpr std::string_view kNotReasoning[] = {
    "ministral-3-14b-instruct-2512",
    "ministral-3-3b-instruct-2512",
    "ministral-3-8b-instruct-2512",
    "mistral-7b-instruct-v0.3",
    "mistral-7b-v0.3",
    "mistral-large-3-675b-instruct-2512",
};
// Offloading of the KV cache to host memory fails with a cache that is not alike in all layers.
constexpr std::string_view kHybridCacheArchitectures[] = {
    "DeepseekV32ForCausalLM",
    "DeepseekV4ForCausalLM",
    "Gemma4ForConditionalGeneration",
    "Gemma4UnifiedForConditionalGeneration",
    "GptOssForCausalLM",
    "NemotronHForCausalLM",
    "NemotronH_Nano_VL_V2",
    "Qwen3_5ForConditionalGeneration",
    "Qwen3_5MoeForConditionalGeneration",
};
// Kernels compiled at start, for which the pod needs nvcc.
constexpr std::string_view kDeepGemmNames[] = {"deepseek-v3.2", "deepseek-v4", "glm-5.2-fp8"};
constexpr std::string_view kCudaToolkitName = "mistral-small-4-119b-2603";

constexpr std::string_view kArchitectures[] = {
#include "catalog/data/architectures.inc"
};
static_assert(std::ranges::is_sorted(kArchitectures));

// The longest key that `name` begins with decides: "qwen3.5" before "qwen3".
std::string_view by_prefix(std::span<const Rule> rules, std::string_view name) {
  Rule best;
  for (const Rule& rule : rules) {
    if (name.starts_with(rule.key) && rule.key.size() > best.key.size()) best = rule;
  }
  return best.value;
}

std::string_view by_architecture(std::span<const Rule> rules, std::string_view architecture) {
  const auto found = std::ranges::find(rules, architecture, &Rule::key);
  return found == rules.end() ? std::string_view() : found->value;
}

std::string first_of(std::string_view a, std::string_view b) {
  return std::string(a.empty() ? b : a);
}

bool begins_with_one_of(std::span<const std::string_view> prefixes, std::string_view name) {
  return std::ranges::any_of(prefixes, [&](std::string_view p) { return name.starts_with(p); });
}

std::map<std::string, std::string> extra_flags(std::string_view name) {
  std::map<std::string, std::string> flags;
  if (const auto dtype = by_prefix(kCacheDtypeByName, name); !dtype.empty()) {
    flags["kv-cache-dtype"] = dtype;
  }
  if (const auto backend = by_prefix(kGdnBackendByName, name); !backend.empty()) {
    flags["gdn-prefill-backend"] = backend;
  }
  if (name.starts_with("minimax-m2")) flags["enable-expert-parallel"] = "";
  if (name.starts_with("deepseek-v3.2")) {
    flags["kernel-config.enable_flashinfer_autotune"] = "False";
  }
  return flags;
}

}  // namespace

VllmSettings vllm_settings(std::string_view name, std::string_view architecture,
                           std::string_view quantization, WeightFormat format) {
  VllmSettings settings;
  if (format == WeightFormat::kMistral) {
    settings.load_format = settings.config_format = settings.tokenizer_mode = "mistral";
  } else if (const auto mode = by_prefix(kTokenizerByName, name); !mode.empty()) {
    settings.tokenizer_mode = mode;
  }
  settings.dtype = quantization.empty() ? "bfloat16" : "auto";
  settings.tool_call_parser =
      first_of(by_prefix(kToolsByName, name), by_architecture(kToolsByArchitecture, architecture));
  if (!is_one_of(name, kNotReasoning)) {
    settings.reasoning_parser = first_of(by_prefix(kReasoningByName, name),
                                         by_architecture(kReasoningByArchitecture, architecture));
  }
  settings.chat_template = by_prefix(kTemplateByName, name);
  settings.extra_flags = extra_flags(name);
  settings.kv_offload_disabled = is_one_of(architecture, kHybridCacheArchitectures);
  settings.deep_gemm = begins_with_one_of(kDeepGemmNames, name);
  settings.needs_cuda_toolkit = settings.deep_gemm || name == kCudaToolkitName;
  return settings;
}

bool is_served_architecture(std::string_view architecture) {
  return std::ranges::binary_search(kArchitectures, architecture);
}

}  // namespace rage::catalog::detail
