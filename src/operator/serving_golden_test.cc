// Whole documents for representative Workspaces. RAGE_WRITE_GOLDEN=1 rewrites the files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "operator/serving_fixture.h"
#include "test_paths.h"

namespace rage::op {
namespace {

constexpr std::string_view kA100 = "Standard_NC24ads_A100_v4";

void annotate(Json& document, const char* key, const char* value) {
  document["metadata"]["annotations"][key] = value;
}

Json render_all(const ServingFixture& fixture) {
  Json documents = Json::array();
  if (fixture.workspace.tuning) {
    const auto job = render_tuning_job(fixture.request());
    EXPECT_TRUE(job) << job.error().message;
    documents.push_back(job.value_or(Json()));
    return documents;
  }
  documents.push_back(fixture.stateful_set());
  for (Json& service : render_services(fixture.request())) documents.push_back(std::move(service));
  return documents;
}

void expect_golden(const std::string& name, const ServingFixture& fixture) {
  const std::filesystem::path path =
      test::source_dir() / "src/operator/testdata/serving" / (name + ".json");
  const std::string text = codec::render_json_pretty(render_all(fixture)) + "\n";
  if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomically(path, text));
    return;
  }
  const auto golden = read_file(path, 1 << 20);
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(text, *golden) << name;
}

TEST(ServingGolden, SmallModelOnOneGpu) {
  ServingFixture fixture(workspace_document("phi-4-mini", "phi-4-mini-instruct"), kA100);
  fixture.nvme_class_exists = true;
  expect_golden("phi_4_mini", fixture);
}

TEST(ServingGolden, GatedModelOfAnInferenceSetBehindALoadBalancer) {
  expect_golden(
      "gemma_3_27b",
      ServingFixture(workspace_document("gemma-3-27b-x7k2p", "gemma-3-27b-instruct", [](Json& d) {
        d["inference"]["preset"]["presetOptions"]["modelAccessSecret"] = "hf-token";
        d["metadata"]["labels"]["inferenceset.kaito.sh/created-by"] = "gemma-3-27b-instruct";
        annotate(d, "kaito.sh/enablelb", "True");
      })));
}

TEST(ServingGolden, SeveralNodes) {
  ServingFixture fixture(workspace_document("llama", "llama-3.3-70b-instruct"), kA100);
  fixture.nodes = 3;
  expect_golden("llama_3_3_70b_multi_node", fixture);
}

TEST(ServingGolden, CopiesOnSeveralGpus) {
  expect_golden("phi_4_data_parallel",
                ServingFixture(workspace_document("phi-4", "phi-4"), "Standard_NC48ads_A100_v4"));
}

TEST(ServingGolden, OneModelOnSeveralGpus) {
  expect_golden("llama_3_3_70b_tensor_parallel",
                ServingFixture(workspace_document("llama", "llama-3.3-70b-instruct"),
                               "Standard_NC96ads_A100_v4"));
}

TEST(ServingGolden, QuantizedModel) {
  expect_golden("gpt_oss_20b", ServingFixture(workspace_document("gpt-oss", "gpt-oss-20b")));
}

TEST(ServingGolden, LatentAttentionWithCudaToolkit) {
  expect_golden("deepseek_v3_2",
                ServingFixture(workspace_document("v32", "deepseek-ai/DeepSeek-V3.2"),
                               "Standard_ND96isr_H200_v5"));
}

TEST(ServingGolden, MigSlice) {
  ServingFixture fixture(workspace_document("slice", "phi-4-mini-instruct"));
  fixture.gpu = catalog::mig_capacity("3g.40gb").value();
  expect_golden("mig_slice", fixture);
}

TEST(ServingGolden, PartOfANodesGpus) {
  ServingFixture fixture(
      workspace_document(
          "part", "phi-4",
          [](Json& d) { d["resource"]["partition"] = {{"mode", "accelerator"}, {"count", 2}}; }),
      "Standard_NC48ads_A100_v4");
  expect_golden("accelerator_partition", fixture);
}

TEST(ServingGolden, AdaptersFromImageAndVolume) {
  expect_golden(
      "adapters", ServingFixture(workspace_document("lora", "phi-4", [](Json& d) {
        const Json image = {{"name", "law"},
                            {"image", "registry.example/law:1"},
                            {"imagePullSecrets", Json::array({"pull-a", "pull-b"})}};
        const Json volume = {{"name", "tax"},
                             {"volumeSource", {{"persistentVolumeClaim", {{"claimName", "tax"}}}}}};
        d["inference"]["adapters"] = Json::array({{{"source", image}}, {{"source", volume}}});
      })));
}

TEST(ServingGolden, PodTemplate) {
  ServingFixture fixture(workspace_document("own", "", [](Json& d) {
    d["inference"]["template"] = Json::parse(R"({
      "metadata": {"labels": {"app": "own"}},
      "spec": {"containers": [{"name": "server", "image": "registry.example/server:2",
                               "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
               "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                 "nodeSelectorTerms": [{"matchExpressions":
                   [{"key": "zone", "operator": "NotIn", "values": ["z3"]}]}]}}}}})");
  }));
  fixture.nodes = 2;
  expect_golden("pod_template", fixture);
}

TEST(ServingGolden, Config) {
  ServingFixture fixture(workspace_document(
      "configured", "phi-4", [](Json& d) { d["inference"]["config"] = "inference-params"; }));
  fixture.config_hash = "0123456789abcdef";
  expect_golden("config", fixture);
}

TEST(ServingGolden, LocalWeightsWithoutBenchmark) {
  expect_golden("local_weights",
                ServingFixture(workspace_document("local", "Qwen/Qwen3.5-2B", [](Json& d) {
                  annotate(d, "kaito.sh/use-local-weights", "true");
                  annotate(d, "kaito.sh/disable-benchmark", "true");
                  annotate(d, "kaito.sh/performance-mode", "interactivity");
                })));
}

TEST(ServingGolden, DecodeRole) {
  expect_golden("decode_role",
                ServingFixture(workspace_document("pd-decode-abc12", "phi-4", [](Json& d) {
                  d["metadata"]["labels"] = {
                      {"inferenceset.kaito.sh/created-by", "pd-decode"},
                      {"multiroleinference.kaito.sh/created-by", "pd"},
                      {"kaito.sh/inference-role", "decode"},
                  };
                })));
}

TEST(ServingGolden, LlamaCppPackaged) {
  expect_golden("llamacpp_packaged",
                ServingFixture(workspace_document(
                                   "small", "packaged:SmolLM2-135M-Instruct",
                                   [](Json& d) { annotate(d, "kaito.sh/runtime", "llamacpp"); }),
                               ""));
}

TEST(ServingGolden, LlamaCppFromTheHub) {
  expect_golden(
      "llamacpp_hub",
      ServingFixture(
          workspace_document("cpu", "phi-4-mini-instruct",
                             [](Json& d) {
                               annotate(d, "kaito.sh/runtime", "llamacpp");
                               d["inference"]["preset"]["presetOptions"]["modelAccessSecret"] =
                                   "hf-token";
                             }),
          ""));
}

TEST(ServingGolden, Transformers) {
  expect_golden("transformers", ServingFixture(workspace_document("tfs", "phi-4", [](Json& d) {
                  annotate(d, "kaito.sh/runtime", "transformers");
                  const Json source = {{"name", "law"}, {"image", "registry.example/law:1"}};
                  d["inference"]["adapters"] =
                      Json::array({{{"source", source}, {"strength", "0.5"}}});
                })));
}

TEST(ServingGolden, TuningLoraToAnImage) {
  expect_golden(
      "tuning_lora", ServingFixture(workspace_document("tune", "", [](Json& d) {
        d["tuning"] = {{"preset", {{"name", "phi-3-mini-4k-instruct"}}}, {"method", "lora"}};
        d["tuning"]["input"]["urls"] =
            Json::array({"https://data.example/a.parquet?download=true"});
        d["tuning"]["output"] = {{"image", "registry.example/out:1"}, {"imagePushSecret", "push"}};
      })));
}

TEST(ServingGolden, TuningQloraToAVolume) {
  ServingFixture fixture(
      workspace_document("tune", "",
                         [](Json& d) {
                           d["tuning"] = {{"preset", {{"name", "phi-4"}}},
                                          {"method", "QLoRA"},
                                          {"config", "my-params"}};
                           d["tuning"]["input"] = {{"name", "notes"},
                                                   {"image", "registry.example/notes:1"},
                                                   {"imagePullSecrets", Json::array({"pull"})}};
                           d["tuning"]["output"]["volumeSource"] = {
                               {"persistentVolumeClaim", {{"claimName", "out"}}}};
                         }),
      "Standard_NC48ads_A100_v4");
  fixture.tuning_output_dir = "/mnt/adapter";
  expect_golden("tuning_qlora", fixture);
}

}  // namespace
}  // namespace rage::op
