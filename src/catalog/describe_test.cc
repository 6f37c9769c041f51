#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/catalog.h"
#include "catalog/estimator.h"
#include "catalog/upstream_facts_for_test.h"

namespace rage::catalog {
namespace {

using testing::HasSubstr;

const std::vector<RepositoryFile> kFiles{{"config.json", 900}, {"model.safetensors", 1 << 30}};

Json config_of(std::string_view text) {
  auto config = parse_model_config(text);
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(Json::object());
}

Model describe(std::string_view text, std::span<const RepositoryFile> files = kFiles,
               std::string_view id = "someone/Some-Model-7B") {
  auto model = describe_model(id, config_of(text), files);
  EXPECT_TRUE(model) << model.error().message;
  return model.value_or(Model{});
}

// The config.json that a catalogue model would have: what upstream's generator saw.
Json equivalent_config(const Model& model) {
  Json config = upstream_facts_of(model.id)["config"];
  const AttentionShape& shape = model.attention;
  config["max_position_embeddings"] = model.context_tokens_max;
  config["num_hidden_layers"] = shape.layers;
  config["num_key_value_heads"] = shape.kv_heads;
  if (shape.kv_lora_rank > 0) config["kv_lora_rank"] = shape.kv_lora_rank;
  if (shape.qk_rope_head_dim > 0) config["qk_rope_head_dim"] = shape.qk_rope_head_dim;
  if (!model.quantization.empty()) {
    config["quantization_config"] = {{"quant_method", model.quantization}};
  }
  return config;
}

// A model is served alike whether it is found in the catalogue or on the hub.
TEST(DescribeModel, AgreesWithTheCatalogue) {
  for (const Model& known : models()) {
    SCOPED_TRACE(known.id);
    const bool mistral = known.vllm.load_format == "mistral";
    const std::vector<RepositoryFile> files{
        {mistral ? "consolidated.safetensors" : "model.safetensors", known.weight_bytes}};
    const auto described = describe_model(known.id, equivalent_config(known), files);
    ASSERT_TRUE(described) << described.error().message;
    EXPECT_EQ(described->served_name, known.served_name);
    EXPECT_EQ(described->architecture, known.architecture);
    EXPECT_EQ(described->context_tokens_max, known.context_tokens_max);
    EXPECT_EQ(described->kv_bytes_per_token, known.kv_bytes_per_token);
    EXPECT_EQ(described->weight_bytes, known.weight_bytes);
    EXPECT_EQ(described->quantization, known.quantization);
    EXPECT_EQ(described->vllm.load_format, known.vllm.load_format);
    EXPECT_EQ(described->vllm.tokenizer_mode, known.vllm.tokenizer_mode);
    EXPECT_EQ(described->vllm.dtype, known.vllm.dtype);
    EXPECT_EQ(described->vllm.tool_call_parser, known.vllm.tool_call_parser);
    EXPECT_EQ(described->vllm.reasoning_parser, known.vllm.reasoning_parser);
    EXPECT_EQ(described->vllm.chat_template, known.vllm.chat_template);
    EXPECT_EQ(described->vllm.extra_flags, known.vllm.extra_flags);
    EXPECT_FALSE(described->in_catalogue);
  }
}

TEST(DescribeModel, ReadsTheKeysOfOlderFamilies) {
  const Model gpt2 = describe(
      R"({"architectures": ["GPT2LMHeadModel"], "n_ctx": 1024, "n_embd": 768, "n_layer": 12,
          "n_head": 12})");
  EXPECT_EQ(gpt2.context_tokens_max, 1024U);
  EXPECT_EQ(gpt2.kv_bytes_per_token, 2U * 12 * 64 * 12 * 2);
  const Model mistral = describe(
      R"({"dim": 4096, "n_layers": 32, "head_dim": 128, "n_heads": 32, "n_kv_heads": 8,
          "max_seq_len": 32768})",
      std::vector<RepositoryFile>{{"consolidated.safetensors", 1000}});
  EXPECT_EQ(mistral.kv_bytes_per_token, 131072U);
  EXPECT_EQ(mistral.vllm.config_format, "mistral");
}

// Models of text and images keep the language model's numbers one level down.
TEST(DescribeModel, NestedSettingsCountAndTheOuterArchitectureStays) {
  const Model model = describe(
      R"({"architectures": ["KimiK25ForConditionalGeneration"], "hidden_size": 1,
          "text_config": {"architectures": ["DeepseekV3ForCausalLM"], "hidden_size": 7168,
            "num_hidden_layers": 61, "num_attention_heads": 64, "kv_lora_rank": 512,
            "qk_rope_head_dim": 64, "max_position_embeddings": 262144,
            "quantization_config": {"quant_method": "compressed-tensors"}}})");
  EXPECT_EQ(model.architecture, "KimiK25ForConditionalGeneration");
  EXPECT_EQ(model.kv_bytes_per_token, 70272U);
  EXPECT_EQ(model.quantization, "compressed-tensors");
  EXPECT_EQ(model.vllm.dtype, "auto");
  EXPECT_EQ(describe(R"({"llm_config": {"n_layers": 3, "n_heads": 2, "dim": 8}})").attention.layers,
            3);
}

TEST(DescribeModel, PythonsNumbersThatAreNoJson) {
  const Json config =
      config_of(R"({"a": NaN, "b": [Infinity, -Infinity], "c": "NaN \" Infinity"})");
  EXPECT_TRUE(config["a"].is_null());
  EXPECT_TRUE(config["b"][0].is_null() && config["b"][1].is_null());
  EXPECT_EQ(config["c"], "NaN \" Infinity");
  EXPECT_EQ(describe(R"({"time_step_limit": [0.0, Infinity], "model_max_length": 1e30})")
                .context_tokens_max,
            0U);
  EXPECT_FALSE(parse_model_config("[]"));
  EXPECT_FALSE(parse_model_config("{\"a\": Nan}"));
  EXPECT_FALSE(parse_model_config(""));
}

TEST(DescribeModel, LoadsOneFormatAndTheOriginalFolderNever) {
  const auto bytes = [](const std::vector<RepositoryFile>& files) {
    const Model model = describe("{}", files);
    return std::pair(model.weight_bytes, model.loaded_weight_bytes);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(bytes({{"model-1.safetensors", 10},
                   {"model-2.safetensors", 5},
                   {"original/model.safetensors", 15},
                   {"pytorch_model.bin", 99}}),
            Pair(30, 15));
  EXPECT_EQ(bytes({{"model.safetensors", 10}, {"onnx/model.safetensors", 40}}), Pair(50, 10));
  EXPECT_EQ(bytes({{"weights/model.safetensors", 10}, {"original/model.safetensors", 40}}),
            Pair(50, 10));
  EXPECT_EQ(bytes({{"pytorch_model.bin", 4}, {"optimizer.bin", 8}}), Pair(12, 4));
  EXPECT_EQ(bytes({{"consolidated-00001-of-2.safetensors", 7}, {"model.safetensors", 9}}),
            Pair(7, 7));
  EXPECT_EQ(bytes({{"pytorch_model.bin", 4}, {"model.gguf", 9}}), Pair(4, 4));
  EXPECT_EQ(bytes({{"a.safetensors", ~std::uint64_t{0}}, {"b.safetensors", 5}}),
            Pair(~std::uint64_t{0}, ~std::uint64_t{0}));
}

TEST(DescribeModel, RefusesWhatVllmCannotServe) {
  const auto message = [](std::string_view id, std::string_view config,
                          std::span<const RepositoryFile> files) {
    const auto model = describe_model(id, config_of(config), files);
    EXPECT_FALSE(model);
    return model ? "" : model.error().message;
  };
  EXPECT_THAT(message("a/b", R"({"architectures": ["StableDiffusion"]})", kFiles),
              HasSubstr("vLLM does not serve its architecture StableDiffusion"));
  EXPECT_THAT(message("a/b", "{}", {}), HasSubstr("nothing can be loaded"));
  const std::vector<RepositoryFile> original{{"original/model.safetensors", 9}};
  EXPECT_THAT(message("a/b", "{}", original), HasSubstr("nothing can be loaded"));
  EXPECT_THAT(message("phi", "{}", kFiles), HasSubstr("not a model id"));
  // An empty list passes, as upstream; so does one name among several.
  EXPECT_EQ(describe(R"({"architectures": []})").architecture, "");
  EXPECT_EQ(describe(R"({"architectures": ["New", 7, "LlamaForCausalLM"]})").architecture,
            "LlamaForCausalLM");
}

TEST(DescribeModel, LongerPrefixesDecideFirst) {
  const auto tools = [](std::string_view id) {
    return describe(R"({"architectures": ["Qwen3MoeForCausalLM"]})", kFiles, id)
        .vllm.tool_call_parser;
  };
  EXPECT_EQ(tools("Qwen/Qwen3-30B"), "hermes");
  EXPECT_EQ(tools("Qwen/Qwen3-Coder-30B-A3B"), "qwen3_xml");
  EXPECT_EQ(tools("Qwen/Qwen3.5-9B"), "qwen3_coder");
  EXPECT_EQ(tools("someone/finetuned"), "qwen3_xml");  // By architecture.
}

std::uint64_t cache(const Model& model, std::uint32_t tokens) {
  return kv_cache_bytes(model, tokens, EstimateRules::kTruthful);
}

constexpr std::string_view kHeads =
    R"("num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, )";
constexpr std::uint64_t kLayerBytes = 2 * 2 * 8 * 2;

TEST(LayerKinds, NamedPatternsAndPeriods) {
  struct Row {
    std::string_view config;
    std::uint64_t layer_tokens;  // At 100 tokens, summed over layers.
  };
  const Row rows[] = {
      {R"("num_hidden_layers": 4)", 400},
      {R"("num_hidden_layers": 4, "sliding_window": 10)", 400},  // Of which layers?
      {R"("num_hidden_layers": 3, "sliding_window": 10,
          "layer_types": ["sliding_attention", "full_attention", "linear_attention"])",
       110},
      {R"("num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"])", 200},
      {R"("num_hidden_layers": 3, "layers_block_type": ["mamba", "moe", "attention"])", 100},
      {R"("num_hidden_layers": 6, "hybrid_override_pattern": "MEM*-M")", 100},
      {R"("num_hidden_layers": 4, "hybrid_override_pattern": "M?**")", 400},
      {R"("num_hidden_layers": 34, "sliding_window": 10, "sliding_window_pattern": 6)", 790},
      {R"("num_hidden_layers": 8, "full_attention_interval": 4)", 200},
      {R"("num_hidden_layers": 4, "sliding_window": 10, "num_kv_shared_layers": 2, "layer_types":
          ["sliding_attention", "full_attention", "sliding_attention", "full_attention"])",
       110},
      // Contradictions count in full.
      {R"("num_hidden_layers": 1, "layer_types": ["full_attention", "full_attention"])", 100},
      {R"("num_hidden_layers": 2, "layer_types": "sliding_attention")", 200},
      {R"("num_hidden_layers": 2, "sliding_window": 10, "layer_types": [1, {}])", 200},
  };
  for (const Row& row : rows) {
    const Model model = describe(fmt::format("{{{}{}}}", kHeads, row.config));
    EXPECT_EQ(cache(model, 100), row.layer_tokens * kLayerBytes) << row.config;
    EXPECT_EQ(model.kv_bytes_per_token,
              static_cast<std::uint64_t>(model.attention.layers) * kLayerBytes);
  }
}

// What describe_model() makes of the real layer lists is what the catalogue holds.
TEST(LayerKinds, GemmaAndNemotronAsInTheCatalogue) {
  Json gemma = equivalent_config(*find_model("google/gemma-4-E2B-it"));
  Json kinds = Json::array();
  for (int i = 1; i <= 35; ++i) {
    kinds.push_back(i % 5 == 0 ? "full_attention" : "sliding_attention");
  }
  gemma.update({{"layer_types", kinds},
                {"sliding_window", 512},
                {"num_kv_shared_layers", 20},
                {"num_global_key_value_heads", nullptr},
                {"global_head_dim", 512}});
  const auto described = describe_model("google/gemma-4-E2B-it", gemma, kFiles);
  ASSERT_TRUE(described);
  EXPECT_EQ(cache(*described, 9000), cache(*find_model("google/gemma-4-E2B-it"), 9000));

  constexpr std::string_view kNano = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16";
  Json nemotron = equivalent_config(*find_model(kNano));
  nemotron["hybrid_override_pattern"] = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME";
  const auto nano = describe_model(kNano, nemotron, kFiles);
  ASSERT_TRUE(nano);
  EXPECT_EQ(cache(*nano, 9000), cache(*find_model(kNano), 9000));
}

TEST(DescribeModel, NumbersOfTheWrongKindOrSizeAreAbsent) {
  const Model model = describe(
      R"({"num_hidden_layers": 1e9, "num_attention_heads": "32", "hidden_size": -5,
          "head_dim": 1.5, "max_position_embeddings": [4], "text_config": 7, "llm_config": [],
          "quantization_config": {"quant_method": 4}, "kv_lora_rank": 18446744073709551615})");
  EXPECT_EQ(model.kv_bytes_per_token, 0U);
  EXPECT_EQ(model.context_tokens_max, 0U);
  EXPECT_EQ(model.quantization, "");
}

}  // namespace
}  // namespace rage::catalog
