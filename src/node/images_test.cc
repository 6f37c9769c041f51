#include "node/images.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "node/detail/shell_words.h"
#include "node/pod_environment.h"
#include "test_paths.h"

namespace rage::node {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ImageTable a_table(std::set<std::string> programs = {"curl", "redis-server", "/bin/sh"}) {
  ImageTable table{.rage = "/opt/rage",
                   .kubeconfig = "/k",
                   .cache_directory = "/cache",
                   .packaged_directory = "/cache/models/packaged"};
  table.has_program = [programs = std::move(programs)](const std::string& program) {
    return programs.contains(program);
  };
  return table;
}

std::string line_of(const Result<ProcessPlan>& plan) {
  return plan ? join(plan->argv, " ") : "refused: " + plan.error().message;
}

ContainerRequest a_request(std::string image, std::vector<std::string> command = {},
                           std::vector<std::string> args = {}) {
  return {.image = std::move(image),
          .command = std::move(command),
          .args = std::move(args),
          .pod_ip = "127.97.0.7"};
}

// Templates as the operator makes them: every model server of vLLM and llama.cpp must run here.
TEST(PlanProcess, EveryModelServerOfTheOperatorGetsAPlan) {
  const std::filesystem::path folder = test::source_dir() / "src/operator/testdata/serving";
  int servers = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string name = file.path().stem().string();
    if (name.starts_with("tuning") || name == "pod_template") continue;
    const auto objects = codec::parse_json(*read_file(file.path(), 1 << 20));
    ASSERT_TRUE(objects.has_value()) << name;
    for (const Json& object : *objects) {
      const Json* pod = find_path(object, {"spec", "template", "spec"});
      if (pod == nullptr) continue;
      for (const Json& container : items_of(*pod, "containers")) {
        const auto request = container_request(
            Json::object(),
            [&] {
              Json bare = container;
              bare.erase("volumeMounts");
              bare.erase("env");
              return bare;
            }(),
            {}, [](auto, const auto&) { return std::nullopt; }, {});
        ASSERT_TRUE(request.has_value()) << name << request.error().message;
        const auto plan = plan_process(*request, a_table());
        ASSERT_TRUE(plan.has_value()) << name << ": " << plan.error().message;
        EXPECT_EQ(plan->argv[0], "/opt/rage") << name;
        ++servers;
      }
    }
  }
  EXPECT_GE(servers, 16);
}

TEST(PlanProcess, AModelOfVllmIsServedByThePackagedOneAndSaysSo) {
  const auto plan = plan_process(
      a_request("mcr.microsoft.com/aks/kaito/kaito-base:0.5.0",
                {"/bin/sh", "-c",
                 "python3 /workspace/vllm/inference_api.py --served-model-name=phi-4-mini-instruct "
                 "--kv-events-config='{\"enable_kv_cache_events\":true}' "
                 "--model=microsoft/Phi-4-mini-instruct --port=5001"}),
      a_table());
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_EQ(line_of(plan),
            "/opt/rage model serve packaged:SmolLM2-135M-Instruct --host 0.0.0.0 --port 5001 "
            "--alias phi-4-mini-instruct --stands-in-for phi-4-mini-instruct");
  EXPECT_EQ(plan->substitution, "phi-4-mini-instruct -> packaged:SmolLM2-135M-Instruct");
  EXPECT_EQ(plan->exec_probes, ExecProbes::kHealthPage);
  EXPECT_EQ(plan->health_port, 5001);
}

// What the user chose is what runs; a model that is really here is not called a substitute.
TEST(PlanProcess, TheUsersTableAndLocalModelsComeFirst) {
  ImageTable table = a_table();
  const ContainerRequest request =
      a_request("x/kaito-base:1", {"/bin/sh", "-c",
                                   "python3 /workspace/vllm/inference_api.py "
                                   "--served-model-name=phi-4 --model=microsoft/phi-4"});
  table.local_models["phi-4"] = "/models/phi-4.gguf";
  EXPECT_THAT(line_of(plan_process(request, table)), HasSubstr("serve file:/models/phi-4.gguf"));
  EXPECT_EQ(plan_process(request, table)->substitution, "");
  table.substitutes["microsoft/phi-4"] = "hf://org/repo/phi.gguf";
  EXPECT_THAT(line_of(plan_process(request, table)), HasSubstr("serve hf://org/repo/phi.gguf"));
  EXPECT_EQ(plan_process(request, table)->substitution, "phi-4 -> hf://org/repo/phi.gguf");
}

TEST(PlanProcess, OurOwnImageIsThisProgram) {
  ContainerRequest rag = a_request("ghcr.io/rage/rage:latest", {}, {"rag", "--port", "5000"});
  rag.environment = {{"RAGE_CACHE_DIR", "/data/volumes/pv/.cache"},
                     {"LOCAL_EMBEDDING_MODEL_ID", "BAAI/bge-small-en-v1.5"}};
  rag.mounts = {{"/mnt/vector", "/data/volumes/pv"}};
  const auto plan = plan_process(rag, a_table());
  EXPECT_EQ(line_of(plan), "/opt/rage rag --port 5000");
  EXPECT_EQ(value_of(plan->environment, "RAGE_CACHE_DIR"), "/data/volumes/pv/.cache");
  EXPECT_EQ(value_of(plan->environment, "RAGE_PACKAGED_DIR"), "/cache/models/packaged");
  EXPECT_EQ(value_of(plan->environment, "KUBECONFIG"), "/k");
  EXPECT_EQ(value_of(plan->environment, "LOCAL_EMBEDDING_MODEL_ID"), "packaged:all-MiniLM-L6-v2");
  EXPECT_EQ(plan->substitution, "BAAI/bge-small-en-v1.5 -> packaged:all-MiniLM-L6-v2");

  ContainerRequest hub = a_request("ghcr.io/rage/rage-llamacpp:latest",
                                   {"rage", "model", "serve", "hf://microsoft/Phi-4-mini-instruct",
                                    "--alias", "phi-4-mini-instruct"});
  hub.environment = {{"RAGE_CACHE_DIR", "/var/lib/rage"}};  // Of the image: not here.
  const auto served = plan_process(hub, a_table());
  EXPECT_EQ(line_of(served),
            "/opt/rage model serve packaged:SmolLM2-135M-Instruct --alias phi-4-mini-instruct "
            "--stands-in-for microsoft/Phi-4-mini-instruct");
  EXPECT_EQ(value_of(served->environment, "RAGE_CACHE_DIR"), "/cache");
  ImageTable table = a_table();
  table.is_cached = [](const std::string&) { return true; };
  EXPECT_THAT(line_of(plan_process(hub, table)), HasSubstr("hf://microsoft/Phi-4-mini"));
  EXPECT_EQ(plan_process(hub, table)->substitution, "");
}

TEST(PlanProcess, TheRestOfTheTable) {
  const auto line = [](const ContainerRequest& request) {
    return line_of(plan_process(request, a_table()));
  };
  EXPECT_EQ(line(a_request("x/llm-d/llm-d-routing-sidecar:v0.8.0", {}, {"--port=5000"})),
            "/opt/rage pd-sidecar --address 0.0.0.0 --port=5000");
  EXPECT_EQ(line(a_request("ghcr.io/a/scale23x-demo/agent:0.1.0-beta")),
            "/opt/rage assistant --address 0.0.0.0 --port 8001");
  EXPECT_EQ(line(a_request("ghcr.io/a/scale23x-demo/web:0.1.0-beta")),
            "/opt/rage assistant web --address 0.0.0.0 --port 3000");
  ContainerRequest sched = a_request("ghcr.io/a/scale23x-demo/sched:1", {}, {"parse_schedule.py"});
  sched.mounts = {{"/app/output", "/d/v"}};
  EXPECT_EQ(line(sched), "/opt/rage ingest schedule parse --output /d/v");
  EXPECT_EQ(line(a_request("redis:8.2.2", {"redis-server", "/d/redis.conf"})),
            "redis-server /d/redis.conf --bind 127.97.0.7 127.0.0.1 --protected-mode no");
  EXPECT_EQ(line(a_request("curlimages/curl:8", {"/bin/sh", "-c"}, {"curl x"})),
            "/bin/sh -c curl x");
  EXPECT_EQ(line(a_request("curlimages/curl:8", {}, {"-v", "http://a"})), "curl -v http://a");
  EXPECT_EQ(line(a_request("any/image", {"bash", "-ec", "echo"})), "/bin/sh -ec echo");
}

// A pod that cannot run must say why, and what would help.
TEST(PlanProcess, WhatCannotRunIsRefusedWithAdvice) {
  const auto refusal = [](const ContainerRequest& request) {
    const auto plan = plan_process(request, a_table({}));
    EXPECT_FALSE(plan.has_value()) << line_of(plan);
    if (!plan) {
      EXPECT_EQ(plan.error().code, ErrorCode::kUnimplemented);
    }
    return plan ? std::string() : plan.error().message;
  };
  EXPECT_THAT(refusal(a_request("grafana/grafana:12.2.0")), HasSubstr("Run this one on a cluster"));
  EXPECT_THAT(refusal(a_request("redis:8.2.2")), HasSubstr("apt install redis-server"));
  EXPECT_THAT(refusal(a_request("curlimages/curl:8", {"/bin/sh", "-c", "curl x"})),
              HasSubstr("needs the program curl"));
  EXPECT_THAT(refusal(a_request("x/kaito-base:1", {"/bin/sh", "-c",
                                                   "cd /workspace/tfs/ && accelerate launch "
                                                   "/workspace/tfs/fine_tuning.py"})),
              HasSubstr("needs a GPU"));
  EXPECT_THAT(refusal(a_request("registry.example/server:2")), HasSubstr("registry.example"));
}

// The second node of a model over several nodes has nothing to do here, and must not fail.
TEST(PlanProcess, FollowersOfAServerOverSeveralNodesWait) {
  ContainerRequest request = a_request(
      "x/kaito-base:1",
      {"/bin/sh", "-c",
       "if [ \"${POD_INDEX}\" = \"0\" ]; then python3 /workspace/vllm/inference_api.py "
       "--served-model-name=m --model=a/m; else /workspace/vllm/multi-node-serving.sh worker; fi"});
  request.environment = {{"POD_INDEX", "1"}};
  EXPECT_EQ(plan_process(request, a_table())->exec_probes, ExecProbes::kSucceed);
  request.environment = {{"POD_INDEX", "0"}};
  EXPECT_THAT(line_of(plan_process(request, a_table())), HasSubstr("--alias m"));
}

TEST(ParseSubstitute, TakesANameAndAReference) {
  EXPECT_EQ(parse_substitute("Phi-4=hf://a/b/c.gguf")->first, "phi-4");
  EXPECT_EQ(parse_substitute("Phi-4=hf://a/b/c.gguf")->second, "hf://a/b/c.gguf");
  EXPECT_FALSE(parse_substitute("phi-4").has_value());
  EXPECT_FALSE(parse_substitute("=x").has_value());
}

TEST(ShellCommands, SeparatesWordsAsAShellDoes) {
  EXPECT_THAT(detail::shell_commands("a 'b c' \"d \\\" e\" f\\ g; h && i ''\nj|k"),
              ElementsAre(ElementsAre("a", "b c", "d \" e", "f g"), ElementsAre("h"),
                          ElementsAre("i", ""), ElementsAre("j"), ElementsAre("k")));
  EXPECT_THAT(detail::shell_commands("  "), ElementsAre());
  EXPECT_THAT(detail::shell_commands("a 'unclosed"), ElementsAre(ElementsAre("a", "unclosed")));
}

}  // namespace
}  // namespace rage::node
