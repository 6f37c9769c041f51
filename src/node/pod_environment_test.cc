#include "node/pod_environment.h"

#include <gmock/gmock.h>

#include "apis/quantity.h"
#include "codec/json_for_test.h"

namespace rage::node {
namespace {

using codec::json_of;
using testing::ElementsAre;
using testing::Pair;

std::optional<Json> find(std::string_view kind, const ObjectKey& key) {
  if (kind == "ConfigMap" && key.name == "settings") {
    return json_of(R"({"data":{"MODE":"fast","LEVEL":"3"}})");
  }
  if (kind == "Secret" && key.name == "token") {
    return json_of(R"({"data":{"HF_TOKEN":"c2VjcmV0"}})");
  }
  return std::nullopt;
}

Json a_pod() {
  return json_of(R"({"metadata":{"name":"p","namespace":"demo","uid":"u",
      "labels":{"apps.kubernetes.io/pod-index":"2"},"annotations":{"a":"b"}},
      "spec":{"nodeName":"local"}})");
}

const PodFacts kFacts{.pod_ip = "127.97.0.5"};

TEST(ContainerEnvironment, TakesEverySourceInOrder) {
  const Json container = json_of(R"j({
    "envFrom":[{"prefix":"S_","configMapRef":{"name":"settings"}},
               {"secretRef":{"name":"absent","optional":true}}],
    "env":[{"name":"HOST","value":"db"},
           {"name":"URL","value":"http://$(HOST):1/$(ABSENT)/$$(HOST)"},
           {"name":"S_MODE","value":"slow"},
           {"name":"TOKEN","valueFrom":{"secretKeyRef":{"name":"token","key":"HF_TOKEN"}}},
           {"name":"NONE","valueFrom":{"secretKeyRef":{"name":"token","key":"X","optional":true}}},
           {"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},
           {"name":"INDEX","valueFrom":{"fieldRef":{
              "fieldPath":"metadata.labels['apps.kubernetes.io/pod-index']"}}},
           {"name":"MEM","valueFrom":{"resourceFieldRef":{"resource":"limits.memory",
              "divisor":"1Mi"}}}],
    "resources":{"limits":{"memory":"1Gi"}}})j");
  const auto environment = container_environment(a_pod(), container, kFacts, find);
  ASSERT_TRUE(environment.has_value()) << environment.error().message;
  EXPECT_THAT(*environment,
              ElementsAre(Pair("S_MODE", "slow"), Pair("S_LEVEL", "3"), Pair("HOST", "db"),
                          Pair("URL", "http://db:1/$(ABSENT)/$(HOST)"), Pair("TOKEN", "secret"),
                          Pair("IP", "127.97.0.5"), Pair("INDEX", "2"), Pair("MEM", "1024")));
}

// The pod's status must name what is missing, or nobody finds out why it does not start.
TEST(ContainerEnvironment, NamesWhatIsMissing) {
  const auto error_of = [](const char* container) {
    const auto environment = container_environment(a_pod(), json_of(container), kFacts, find);
    EXPECT_FALSE(environment.has_value());
    return environment ? std::string() : environment.error().message;
  };
  EXPECT_EQ(error_of(R"({"envFrom":[{"configMapRef":{"name":"agent-env"}}]})"),
            "configmap \"agent-env\" not found");
  EXPECT_EQ(error_of(R"({"env":[{"name":"A","valueFrom":{"configMapKeyRef":
                        {"name":"settings","key":"X"}}}]})"),
            "couldn't find key X in ConfigMap \"settings\"");
  EXPECT_EQ(error_of(R"({"env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.x"}}}]})"),
            "no pod has the field spec.x");
}

TEST(RewritePaths, MovesWholePathsOnly) {
  const std::vector<Mount> mounts = {
      {"/app/output", "/d/out"}, {"/app", "/d/app"}, {"/tmp", "/d/tmp"}};
  const auto moved = [&](std::string_view text) { return rewrite_paths(text, mounts); };
  EXPECT_EQ(moved("/app/output"), "/d/out");
  EXPECT_EQ(moved("/app/output/x.json"), "/d/out/x.json");
  EXPECT_EQ(moved("--file=/app/output/x"), "--file=/d/out/x");
  EXPECT_EQ(moved("-d @/app/output/x && ls '/tmp' \"/app\"; cat /tmp."),
            "-d @/d/out/x && ls '/d/tmp' \"/d/app\"; cat /d/tmp.");
  EXPECT_EQ(moved("/app/output2 /my/app /application http://host/tmp/x ${HOME}/tmp"),
            "/d/app/output2 /my/app /application http://host/tmp/x ${HOME}/tmp");
  EXPECT_EQ(moved("PATH=/app:/tmp"), "PATH=/d/app:/d/tmp");
  EXPECT_EQ(moved(""), "");
}

TEST(ContainerMounts, StayInsideTheirVolume) {
  const std::map<std::string, std::string> directories = {{"v", "/d/v"}};
  const auto mounts_of = [&](const char* container) {
    return container_mounts(json_of(container), {{"NAME", "n"}}, directories);
  };
  EXPECT_THAT(*mounts_of(R"j({"volumeMounts":[{"name":"v","mountPath":"/a/","subPath":"b"},
                             {"name":"v","mountPath":"/c","subPathExpr":"x/$(NAME)"}]})j"),
              ElementsAre(Mount{"/a", "/d/v/b"}, Mount{"/c", "/d/v/x/n"}));
  EXPECT_FALSE(mounts_of(R"({"volumeMounts":[{"name":"v","mountPath":"/a","subPath":"../b"}]})"));
  EXPECT_FALSE(mounts_of(R"({"volumeMounts":[{"name":"w","mountPath":"/a"}]})"));
  EXPECT_FALSE(mounts_of(R"({"volumeMounts":[{"name":"v","mountPath":"/"}]})"));
}

TEST(ParseQuantity, ReadsKubernetesAmounts) {
  EXPECT_EQ(apis::parse_quantity("500m"), 0.5);
  EXPECT_EQ(apis::parse_quantity("2Gi"), 2147483648.0);
  EXPECT_EQ(apis::parse_quantity("3"), 3.0);
  EXPECT_EQ(apis::parse_quantity("1e3"), 1000.0);
  EXPECT_EQ(apis::parse_quantity("many"), std::nullopt);
  EXPECT_EQ(apis::parse_quantity(""), std::nullopt);
}

}  // namespace
}  // namespace rage::node
