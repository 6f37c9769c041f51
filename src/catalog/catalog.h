// What is known about models before anything is downloaded: size, shape, how vLLM must be told to
// serve them. 60 presets with their aliases are compiled in; any other Hugging Face model is
// described from its config.json and file list. Pure: no network here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::catalog {

using codec::Json;

// How much of a context each layer's key-value cache keeps. Sources: the model cards' config.json.
struct AttentionShape {
  int layers = 0;            // All layers of the model.
  int attention_layers = 0;  // Those with a KV cache over the whole context; the rest below.
  int sliding_layers = 0;    // Those that keep `sliding_window` tokens only.
  int sliding_window = 0;    // Tokens.
  int kv_heads = 0;
  int head_dim = 0;
  int full_kv_heads = 0;  // Of the layers with the whole context, where they differ from the
  int full_head_dim = 0;  // sliding ones (gemma-4); 0: the same.
  int kv_lora_rank = 0;   // > 0: multi-head latent attention.
  int qk_rope_head_dim = 0;
};

struct VllmSettings {
  std::string load_format = "auto";
  std::string config_format = "auto";
  std::string tokenizer_mode = "auto";
  std::string dtype = "bfloat16";
  std::string tool_call_parser;
  std::string reasoning_parser;
  std::string chat_template;                       // File name below /workspace/chat_templates.
  std::map<std::string, std::string> extra_flags;  // "kv-cache-dtype" -> "fp8"; "" is a bare flag.
  bool kv_offload_disabled = false;
  bool needs_cuda_toolkit = false;
  bool deep_gemm = false;
};

struct TuningFacts {
  std::string oci_image;  // "${PRESET_REGISTRY_NAME}/kaito-phi-4:0.2.0"
  std::string disk;       // "150Gi"
};

// Value. One model.
struct Model {
  std::string id;           // Hugging Face id in its own case, "microsoft/phi-4".
  std::string served_name;  // Short lower-case repository name, "phi-4".
  std::vector<std::string> aliases;
  std::string architecture;
  std::uint64_t weight_bytes = 0;         // As listed by the original, `original/` included.
  std::uint64_t loaded_weight_bytes = 0;  // What a server loads; differs for gpt-oss.
  std::uint32_t context_tokens_max = 0;
  std::uint64_t kv_bytes_per_token = 0;  // As the original computes it: fp16, every layer full.
  AttentionShape attention;
  std::string quantization;  // "fp8", "mxfp4", ... or "".
  bool gated = false;        // Needs a token to download.
  std::string license;
  VllmSettings vllm;
  bool transformers_runtime = false;
  std::map<std::string, std::string> transformers_params;
  std::optional<TuningFacts> tuning;
  bool in_catalogue = true;
};

// All compiled-in models, in catalogue order. Process lifetime.
std::span<const Model> models();

// By id, alias or registered name, any case. Null: not in the catalogue.
const Model* find_model(std::string_view name);
// Registered, an alias, or with a non-empty part on both sides of its first slash.
bool is_valid_name(std::string_view name);
// Once served, no longer supported ("phi-2").
bool is_deprecated(std::string_view name);

// config.json as Python writes it: Infinity and NaN are read as null. kInvalidArgument if it is
// not a JSON object.
Result<Json> parse_model_config(std::string_view text);

// A model that is not in the catalogue, from what the hub says about it: `config` is config.json
// (or params.json), `files` the names and sizes of its repository. kInvalidArgument when the
// architecture is not one vLLM serves or nothing can be loaded.
struct RepositoryFile {
  std::string path;
  std::uint64_t bytes = 0;
};
Result<Model> describe_model(std::string_view id, const Json& config,
                             std::span<const RepositoryFile> files);

}  // namespace rage::catalog
