#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"
#include "operator/detail/serving_pod.h"
#include "operator/detail/serving_shell.h"
#include "operator/serving_fixture.h"

namespace rage::op {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A set of words, so that one flag is not found inside another.
bool has_flag(const std::string& command, std::string_view flag) {
  const auto words = split(command, ' ');
  return std::ranges::find(words, flag) != words.end();
}

TEST(ServingCommand, SaysEverythingInOneOrder) {
  EXPECT_EQ(a_workspace("phi-4-mini-instruct").command(),
            "python3 /workspace/vllm/inference_api.py"
            " --served-model-name=phi-4-mini-instruct --max-model-len=auto"
            " --gpu-memory-utilization=0.84"
            " --kv-events-config='{\"enable_kv_cache_events\":true}'"
            " --compilation-config.pass_config.fuse_allreduce_rms=False"
            " --model=microsoft/Phi-4-mini-instruct --download-dir=/workspace/weights"
            " --tensor-parallel-size=1"
            " --load_format=auto --config_format=auto --tokenizer_mode=auto"
            " --trust-remote-code --dtype=bfloat16"
            " --chat-template=/workspace/chat_templates/tool-chat-phi4-mini.jinja");
}

TEST(ServingCommand, LeavesAnA10MoreRoom) {
  EXPECT_TRUE(has_flag(a_workspace("phi-4-mini-instruct", {}, "Standard_NV36ads_A10_v5").command(),
                       "--gpu-memory-utilization=0.82"));
  // Labels of GPU feature discovery write the product differently; upstream knows only the name in
  // its table, and running pods must stay as they are.
  ServingFixture labelled = a_workspace("phi-4-mini-instruct");
  labelled.gpu.model = "NVIDIA-A10";
  EXPECT_TRUE(has_flag(labelled.command(), "--gpu-memory-utilization=0.84"));
}

struct Sharing {
  const char* preset;
  const char* machine;
  int nodes;
  std::vector<std::string> present;
  std::vector<std::string> absent;
};

TEST(ServingCommand, SharesTheModelAmongGpus) {
  const Sharing cases[] = {
      {"phi-4-mini-instruct",
       "Standard_NC48ads_A100_v4",
       1,
       {"--data-parallel-size=2", "--tensor-parallel-size=1",
        "--kaito-kv-cache-cpu-memory-utilization=0"},
       {"--pipeline-parallel-size=1"}},
      {"llama-3.3-70b-instruct",
       "Standard_NC96ads_A100_v4",
       1,
       {"--tensor-parallel-size=4"},
       {"--data-parallel-size=4", "--kaito-kv-cache-cpu-memory-utilization=0"}},
      {"llama-3.3-70b-instruct",
       "Standard_NC48ads_A100_v4",
       2,
       {"--tensor-parallel-size=2", "--pipeline-parallel-size=2",
        "--distributed-executor-backend=ray", "--kaito-kv-cache-cpu-memory-utilization=0"},
       {"--data-parallel-size=2"}},
  };
  for (const Sharing& test : cases) {
    ServingFixture fixture = a_workspace(test.preset, {}, test.machine);
    fixture.nodes = test.nodes;
    const std::string command = fixture.command();
    for (const std::string& flag : test.present) EXPECT_TRUE(has_flag(command, flag)) << flag;
    for (const std::string& flag : test.absent) EXPECT_FALSE(has_flag(command, flag)) << flag;
  }
}

TEST(ServingCommand, KeepsTheCacheOnTheGpuWhereOffloadBreaks) {
  const std::string off = "--kaito-kv-cache-cpu-memory-utilization=0";
  EXPECT_TRUE(has_flag(a_workspace("Qwen/Qwen3.5-2B").command(), off));
  EXPECT_TRUE(has_flag(a_workspace("gpt-oss-20b").command(), off));
  EXPECT_FALSE(has_flag(a_workspace("phi-4").command(), off));
  ServingFixture slice = a_workspace("phi-4");
  slice.gpu = catalog::mig_capacity("3g.40gb").value();
  EXPECT_TRUE(has_flag(slice.command(), off));
}

TEST(ServingCommand, TellsWhatTheModelNeeds) {
  const std::string deepseek =
      a_workspace("deepseek-ai/DeepSeek-V3.2", {}, "Standard_ND96isr_H200_v5").command();
  for (const char* flag :
       {"--tokenizer_mode=deepseek_v32", "--dtype=auto", "--tool-call-parser=deepseek_v32",
        "--enable-auto-tool-choice", "--reasoning-parser=deepseek_v3",
        "--chat-template=/workspace/chat_templates/tool-chat-deepseekv3.jinja",
        "--kernel-config.enable_flashinfer_autotune=False"}) {
    EXPECT_TRUE(has_flag(deepseek, flag)) << flag;
  }
  const std::string minimax =
      a_workspace("MiniMaxAI/MiniMax-M2.7", {}, "Standard_NC96ads_A100_v4").command();
  EXPECT_TRUE(has_flag(minimax, "--enable-expert-parallel"));
  EXPECT_FALSE(has_flag(a_workspace("phi-4").command(), "--enable-auto-tool-choice"));
}

// Clients send this name: a wrong one answers every request with 404.
TEST(ServingCommand, IsKnownByTheNameClientsUse) {
  const auto labelled = [](Json labels) {
    return a_workspace("phi-4", [&](Json& d) { d["metadata"]["labels"] = std::move(labels); })
        .command();
  };
  EXPECT_TRUE(has_flag(labelled({{"a", "b"}}), "--served-model-name=phi-4"));
  EXPECT_TRUE(has_flag(labelled({{"inferenceset.kaito.sh/created-by", "chat"}}),
                       "--served-model-name=chat"));
  EXPECT_TRUE(has_flag(labelled({{"inferenceset.kaito.sh/created-by", "chat-decode"},
                                 {"multiroleinference.kaito.sh/created-by", "chat"}}),
                       "--served-model-name=phi-4"));
}

TEST(ServingCommand, TakesAnnotationsOfTheWorkspace) {
  const auto annotated = [](const char* key, const char* value) {
    return a_workspace("phi-4", [&](Json& d) { d["metadata"]["annotations"][key] = value; })
        .command();
  };
  EXPECT_TRUE(has_flag(annotated("kaito.sh/performance-mode", "throughput"),
                       "--performance-mode=throughput"));
  for (const char* mode : {"balanced", "fast; reboot"})
    EXPECT_THAT(annotated("kaito.sh/performance-mode", mode), Not(HasSubstr("performance-mode")));
  const std::string local = annotated("kaito.sh/use-local-weights", "true");
  EXPECT_TRUE(has_flag(local, "--model=/opt/kaito/models/phi-4"));
  EXPECT_TRUE(has_flag(local, "--load-format=runai_streamer"));
  EXPECT_THAT(local, Not(HasSubstr("--load_format")));
  EXPECT_THAT(local, Not(HasSubstr("--download-dir")));
}

TEST(ServingCommand, EnablesAdaptersAndConfig) {
  const std::string command = a_workspace("phi-4", [](Json& d) {
                                d["inference"]["config"] = "tuned";
                                d["inference"]["adapters"] = Json::array(
                                    {{{"source", {{"name", "law"}, {"image", "r.io/law:1"}}}}});
                              }).command();
  EXPECT_TRUE(has_flag(command, "--enable-lora"));
  EXPECT_TRUE(has_flag(command, "--kaito-config-file=/mnt/config/inference_config.yaml"));
}

// A model's id and a parent's name are written by users; a shell reads them in a GPU pod.
TEST(ServingCommand, CannotBeBrokenOutOf) {
  const std::string evil = "a/b'; touch /tmp/x; $(id) `id` \"&|\n#";
  ServingFixture fixture = a_workspace("phi-4", [&](Json& d) {
    d["metadata"]["labels"]["inferenceset.kaito.sh/created-by"] = evil;
  });
  catalog::Model model = *fixture.model;
  model.id = evil;
  model.vllm.chat_template = evil;
  fixture.model = &model;
  const std::string quoted = "'a/b'\\''; touch /tmp/x; $(id) `id` \"&|\n#'";
  for (const char* flag : {" --served-model-name=", " --model="})
    EXPECT_THAT(fixture.command(), HasSubstr(flag + quoted + " --"));
  // Nothing but the quoted words holds what a shell would act on.
  std::string rest = fixture.command();
  for (std::size_t at; (at = rest.find("; touch")) != std::string::npos;) {
    const std::size_t end = rest.find("#'", at);
    ASSERT_NE(end, std::string::npos);
    rest.erase(at, end - at);
  }
  EXPECT_THAT(rest, Not(HasSubstr("$(")));
}

TEST(ServingCommand, RunsARayClusterOverSeveralNodes) {
  ServingFixture fixture = a_workspace("llama-3.3-70b-instruct");
  fixture.nodes = 3;
  const std::string script = detail::container_script(fixture.request());
  EXPECT_THAT(script, StartsWith("if [ \"${POD_INDEX}\" = \"0\" ]; then "
                                 "/workspace/vllm/multi-node-serving.sh leader "
                                 "--ray_cluster_size=3 --ray_port=6379; python3 "));
  EXPECT_THAT(script, EndsWith("; else /workspace/vllm/multi-node-serving.sh worker "
                               "--ray_address=ws-0.ws-headless.ml.svc.cluster.local "
                               "--ray_port=6379; fi"));
}

TEST(ServingCommand, DecodesBehindTheSidecar) {
  const auto role = [](const char* name) {
    return a_workspace("phi-4",
                       [&](Json& d) { d["metadata"]["labels"]["kaito.sh/inference-role"] = name; })
        .command();
  };
  EXPECT_TRUE(has_flag(role("decode"), "--port=5001"));
  EXPECT_THAT(role("prefill"), Not(HasSubstr("--port")));
}

TEST(ServingCommand, LaunchesTransformers) {
  EXPECT_EQ(a_workspace("phi-4",
                        [](Json& d) {
                          d["metadata"]["annotations"]["kaito.sh/runtime"] = "transformers";
                          // The short name always, as upstream.
                          d["metadata"]["labels"]["inferenceset.kaito.sh/created-by"] = "chat";
                        })
                .command(),
            "accelerate launch --num_processes=1 --num_machines=1 --machine_rank=0 --gpu_ids=all "
            "/workspace/tfs/inference_api.py --served_model_name=phi-4 "
            "--pretrained_model_name_or_path=microsoft/phi-4 --pipeline=text-generation "
            "--torch_dtype=auto --trust_remote_code");
}

TEST(ServingCommand, ServesOnCpusWithOurOwnBinary) {
  const auto command = [](const char* preset) {
    return a_workspace(
               preset,
               [](Json& d) { d["metadata"]["annotations"]["kaito.sh/runtime"] = "llamacpp"; })
        .command();
  };
  EXPECT_EQ(command("phi-4-mini-instruct"),
            "rage model serve hf://microsoft/Phi-4-mini-instruct --host 0.0.0.0 --port 5000 "
            "--alias phi-4-mini-instruct --context 8192");
  for (const char* preset : {"smollm2-135m-instruct", "packaged:SmolLM2-135M-Instruct"}) {
    EXPECT_EQ(command(preset),
              "rage model serve packaged:SmolLM2-135M-Instruct --host 0.0.0.0 --port 5000 "
              "--alias smollm2-135m-instruct --context 8192");
  }
  EXPECT_FALSE(is_packaged_model("packaged:../secrets"));
  EXPECT_FALSE(is_packaged_model("packaged:"));
  EXPECT_FALSE(is_packaged_model("phi-4"));
}

TEST(Runtime, IsChosenByAnnotationAndGate) {
  Settings settings;
  ObjectMeta meta;
  EXPECT_EQ(runtime_of(meta, settings), Runtime::kVllm);
  for (const auto& [text, runtime] :
       {std::pair("vllm", Runtime::kVllm), std::pair("transformers", Runtime::kTransformers),
        std::pair("llamacpp", Runtime::kLlamaCpp), std::pair("tensorrt", Runtime::kVllm)}) {
    meta.annotations["kaito.sh/runtime"] = text;
    EXPECT_EQ(runtime_of(meta, settings), runtime) << text;
  }
  settings.vllm = false;
  EXPECT_EQ(runtime_of(meta, settings), Runtime::kTransformers);
}

// Upstream writes its flags in another order each time; taking such pods for changed would restart
// every model of a cluster at take-over. Taking changed ones for the same would never update them.
TEST(SameCommand, IgnoresTheOrderOfFlagsOnly) {
  const auto sh = [](const char* script) { return detail::shell_command(script); };
  const Json ours = sh("if [ x ]; then a --b=1; python3 f --k='{\"x y\":1}' --l --model=A/B; fi");
  EXPECT_TRUE(detail::same_command(
      ours, sh("if [ x ]; then a --b=1; python3 f --model=a/b --l  --k='{\"x y\":1}'; fi")));
  for (const char* other : {
           "if [ x ]; then a --b=1; python3 f --k='{\"x y\":2}' --l --model=A/B; fi",
           "if [ x ]; then a --b=1; python3 f --k='{\"x y\":1}' --model=A/B; fi",
           "if [ x ]; then a --b=1; python3 f --l --k='{\"x y\":1}' --model=A/B --m; fi",
           "if [ x ]; then a --l; python3 f --k='{\"x y\":1}' --b=1 --model=A/B; fi",
           "if [ x ]; then python3 f --k='{\"x y\":1}' --l --model=A/B; a --b=1; fi",
       }) {
    EXPECT_FALSE(detail::same_command(ours, sh(other))) << other;
  }
  EXPECT_TRUE(detail::same_command(sh("python3 f --a"), Json::array({"python3", "f", "--a"})));
  EXPECT_FALSE(detail::same_command(Json(), Json()));
  EXPECT_FALSE(detail::same_command(Json::array({1}), Json::array({1})));
  EXPECT_FALSE(detail::same_command(sh("a 'unclosed"), sh("a unclosed\\")));
}

TEST(ShellWord, QuotesWhatIsNotPlain) {
  EXPECT_EQ(detail::shell_word("a/b:1.0,x=y@z+%_-"), "a/b:1.0,x=y@z+%_-");
  EXPECT_EQ(detail::shell_word(""), "''");
  EXPECT_EQ(detail::shell_word("~"), "'~'");
  EXPECT_EQ(detail::shell_word("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace rage::op
