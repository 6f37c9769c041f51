#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/strings.h"
#include "catalog/estimator.h"
#include "catalog/upstream_facts_for_test.h"

namespace rage::catalog {
namespace {

using testing::IsEmpty;

TEST(Catalog, HoldsSixtyModelsWithTwentyFiveAliases) {
  EXPECT_EQ(models().size(), 60U);
  std::size_t aliases = 0;
  std::set<std::string> names;
  for (const Model& model : models()) {
    aliases += model.aliases.size();
    EXPECT_TRUE(names.insert(to_lower_ascii(model.id)).second) << model.id;
    EXPECT_TRUE(model.in_catalogue);
  }
  EXPECT_EQ(aliases, 25U);
}

TEST(Catalog, FindsByIdAndAliasInAnyCase) {
  const Model* phi = find_model("microsoft/phi-4");
  ASSERT_NE(phi, nullptr);
  EXPECT_EQ(phi->id, "microsoft/phi-4");
  EXPECT_EQ(phi->served_name, "phi-4");
  EXPECT_EQ(find_model("MICROSOFT/Phi-4"), phi);
  EXPECT_EQ(find_model("PHI-4"), phi);
  EXPECT_EQ(find_model("gemma-3-4b-instruct"), find_model("google/gemma-3-4b-it"));
  EXPECT_EQ(find_model("mistral-7b-instruct"), find_model("mistralai/Mistral-7B-Instruct-v0.3"));
}

TEST(Catalog, AShortNameThatIsNoAliasIsNotAModel) {
  EXPECT_EQ(find_model("qwen3-8b-awq"), nullptr);
  EXPECT_EQ(find_model("phi-4 "), nullptr);
  EXPECT_EQ(find_model(""), nullptr);
}

TEST(Catalog, NamesAreValidWhenKnownOrWithBothPartsOfAnId) {
  EXPECT_TRUE(is_valid_name("phi-4"));
  EXPECT_TRUE(is_valid_name("someone/anything"));
  EXPECT_TRUE(is_valid_name("a/b/c"));
  EXPECT_FALSE(is_valid_name("falcon-7b"));
  EXPECT_FALSE(is_valid_name("/model"));
  EXPECT_FALSE(is_valid_name("org/"));
  EXPECT_FALSE(is_valid_name(""));
  EXPECT_TRUE(is_deprecated("Phi-2"));
  EXPECT_FALSE(is_deprecated("phi-3"));
}

// The command line of every served model depends on these; a silent difference is a model that
// calls no tools.
TEST(Catalog, SettingsOfEveryModelAreUpstreams) {
  for (const Model& model : models()) {
    SCOPED_TRACE(model.id);
    const Json& facts = upstream_facts_of(model.id);
    ASSERT_TRUE(facts.contains("settings"));
    const VllmSettings& vllm = model.vllm;
    const Json settings = {vllm.load_format,  vllm.config_format,    vllm.tokenizer_mode,
                           vllm.dtype,        vllm.tool_call_parser, vllm.reasoning_parser,
                           vllm.chat_template};
    EXPECT_EQ(settings, facts["settings"]);
    Json extra = Json::object();
    for (const auto& [key, value] : vllm.extra_flags) extra[key] = value;
    EXPECT_EQ(extra, facts["extra"]);
    EXPECT_EQ(vllm.kv_offload_disabled, facts["offload_disabled"].get<bool>());
    EXPECT_EQ(vllm.needs_cuda_toolkit, facts["cuda_toolkit"].get<bool>());
    EXPECT_EQ(vllm.deep_gemm, facts["deep_gemm"].get<bool>());
  }
}

TEST(Catalog, SizesAndNamesOfEveryModelAreUpstreams) {
  for (const Model& model : models()) {
    SCOPED_TRACE(model.id);
    const Json& facts = upstream_facts_of(model.id);
    ASSERT_TRUE(facts.contains("kv"));
    EXPECT_EQ(model.kv_bytes_per_token, facts["kv"].get<std::uint64_t>());
    EXPECT_EQ(disk_requirement(model), facts["disk"].get<std::string>());
    EXPECT_EQ(model.served_name, facts["served"].get<std::string>());
    EXPECT_EQ(Json(model.aliases), facts["aliases"]);
  }
}

TEST(Catalog, LayersAddUp) {
  for (const Model& model : models()) {
    SCOPED_TRACE(model.id);
    const AttentionShape& shape = model.attention;
    EXPECT_GT(shape.attention_layers, 0);
    EXPECT_LE(shape.attention_layers + shape.sliding_layers, shape.layers);
    EXPECT_EQ(shape.sliding_layers > 0, shape.sliding_window > 0);
    EXPECT_LE(model.loaded_weight_bytes, model.weight_bytes);
    EXPECT_GT(model.loaded_weight_bytes, 0U);
    EXPECT_GT(model.context_tokens_max, 0U);
  }
}

TEST(Catalog, GptOssIsLoadedOnceNotTwice) {
  constexpr double kGiB = 1 << 30;
  EXPECT_NEAR(static_cast<double>(find_model("gpt-oss-20b")->loaded_weight_bytes) / kGiB, 12.8,
              0.05);
  EXPECT_NEAR(static_cast<double>(find_model("gpt-oss-120b")->loaded_weight_bytes) / kGiB, 60.8,
              0.05);
}

TEST(Catalog, TransformersAndTuningFacts) {
  const Model& phi = *find_model("phi-4");
  EXPECT_TRUE(phi.transformers_runtime);
  EXPECT_EQ(
      phi.transformers_params,
      (std::map<std::string, std::string>{
          {"pipeline", "text-generation"}, {"torch_dtype", "auto"}, {"trust_remote_code", ""}}));
  ASSERT_TRUE(phi.tuning);
  EXPECT_EQ(phi.tuning->oci_image, "${PRESET_REGISTRY_NAME}/kaito-phi-4:0.2.0");
  EXPECT_EQ(phi.tuning->disk, "150Gi");
  const Model& llama = *find_model("llama-3.1-8b-instruct");
  EXPECT_TRUE(llama.gated);
  EXPECT_EQ(llama.transformers_params.at("chat_template"),
            "/workspace/chat_templates/llama-3-instruct.jinja");
  EXPECT_FALSE(llama.tuning);
  EXPECT_THAT(find_model("ibm-granite/granite-4.1-8b")->transformers_params, IsEmpty());
  EXPECT_EQ(std::ranges::count_if(models(), [](const Model& m) { return m.transformers_runtime; }),
            20);
}

}  // namespace
}  // namespace rage::catalog
